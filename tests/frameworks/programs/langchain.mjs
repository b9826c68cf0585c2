// LangChain.js, whose agents are graphs of LangGraph.js: npm install langchain @langchain/core @langchain/openai zod
import { ChatOpenAI } from "@langchain/openai";
import { createAgent, tool } from "langchain";
import { z } from "zod";

// SNIPPET

const getWeather = tool(
  async ({ city }) => {
    if (process.env.TOOL === "fails") throw new Error("the weather station is closed");
    return JSON.stringify({ city, celsius: 18 });
  },
  { name: "get_weather", description: "The weather in a city", schema: z.object({ city: z.string() }) },
);
const agent = createAgent({
  model: new ChatOpenAI({ model: "gpt-5-mini" }),
  tools: process.env.TOOL ? [getWeather] : [],
});

try {
  const { messages } = await agent.invoke({ messages: ["What is the weather in Paris?"] });
  console.log("answer:", messages.at(-1).content);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
