// OpenAI's library up to version 6, loaded by require: npm install openai@6
const OpenAI = require("openai");

const client = new OpenAI();
const messages = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "What is the weather in Paris?" },
];
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [{ type: "function", function: { name: "get_weather", parameters } }];

async function answer() {
  const asked = { model: "gpt-5-mini", messages, tools: process.env.TOOL ? tools : undefined };
  const { message } = (await client.chat.completions.create(asked)).choices[0];
  if (!message.tool_calls) return message.content;
  messages.push(message);
  for (const { id } of message.tool_calls) {
    messages.push({ role: "tool", tool_call_id: id, content: '{"city":"Paris","celsius":18}' });
  }
  return answer();
}

answer()
  .then((text) => console.log("answer:", text))
  .catch((error) => {
    console.error(error);
    process.exitCode = 1;
  });
