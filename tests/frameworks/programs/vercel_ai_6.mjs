// Vercel AI SDK 6: npm install ai@6 @ai-sdk/openai@3 zod
import { createOpenAI } from "@ai-sdk/openai";
import * as ai from "ai";
import { z } from "zod";

const getWeather = ai.tool({
  description: "The weather in a city",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => {
    if (process.env.TOOL === "fails") throw new Error("the weather station is closed");
    return { city, celsius: 18 };
  },
});
const tools = process.env.TOOL ? { get_weather: getWeather } : undefined;
const model = createOpenAI({})("gpt-5-mini");
const generateText = (asked) => ai.generateText({ ...asked, tools, stopWhen: ai.stepCountIs(4) });

try {
// SNIPPET
  console.log("answer:", answer.text);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
