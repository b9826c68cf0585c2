// Genkit: npm install genkit @genkit-ai/compat-oai
import { openAI } from "@genkit-ai/compat-oai/openai";
import { genkit, z } from "genkit";

// SNIPPET

const ai = genkit({ plugins: [openAI()] });
const getWeather = ai.defineTool(
  { name: "get_weather", description: "The weather in a city", inputSchema: z.object({ city: z.string() }) },
  async ({ city }) => {
    if (process.env.TOOL === "fails") throw new Error("the weather station is closed");
    return { city, celsius: 18 };
  },
);
const weatherFlow = ai.defineFlow("weather", async (question) => {
  const answer = await ai.generate({
    model: openAI.model("gpt-5-mini"),
    system: "Be brief.",
    prompt: question,
    tools: process.env.TOOL ? [getWeather] : [],
  });
  return answer.text;
});

try {
  console.log("answer:", await weatherFlow("What is the weather in Paris?"));
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
