// Vercel AI SDK: npm install ai @ai-sdk/openai zod
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, isStepCount, streamText, tool } from "ai";
import { z } from "zod";

// SNIPPET

const getWeather = tool({
  description: "The weather in a city",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => {
    if (process.env.TOOL === "fails") throw new Error("the weather station is closed");
    return { city, celsius: 18 };
  },
});
const asked = {
  model: createOpenAI({})("gpt-5-mini"),
  prompt: "What is the weather in Paris?",
  tools: process.env.TOOL ? { get_weather: getWeather } : undefined,
  stopWhen: isStepCount(4),
};

try {
  const answer = process.env.STREAM ? streamText(asked) : await generateText(asked);
  console.log("answer:", await answer.text);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
