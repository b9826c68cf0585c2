// Mastra: npm install @mastra/core @ai-sdk/openai zod
import { createOpenAI } from "@ai-sdk/openai";
import { Agent } from "@mastra/core/agent";
import { createTool } from "@mastra/core/tools";
import { z } from "zod";

// SNIPPET

const getWeather = createTool({
  id: "get_weather",
  description: "The weather in a city",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => {
    if (process.env.TOOL === "fails") throw new Error("the weather station is closed");
    return { city, celsius: 18 };
  },
});
const agent = new Agent({
  id: "weather-agent",
  name: "Weather agent",
  instructions: "Be brief.",
  model: createOpenAI({})("gpt-5-mini"),
  tools: process.env.TOOL ? { get_weather: getWeather } : {},
});
mastra.addAgent(agent);

try {
  const answer = await mastra.getAgent("weather-agent").generate("What is the weather in Paris?");
  console.log("answer:", answer.text);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
