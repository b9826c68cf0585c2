// OpenAI's library: npm install openai
// SNIPPET

const client = new OpenAI();
const question = "What is the weather in Paris?";
const messages = [
  { role: "system", content: "Be brief." },
  { role: "user", content: question },
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

async function responded() {
  const asked = { model: "gpt-5-mini", instructions: "Be brief.", input: question };
  return (await client.responses.create(asked)).output_text;
}

async function streamed() {
  const stream_options = { include_usage: true };
  const chunks = await client.chat.completions.create({ model: "gpt-5-mini", messages, stream: true, stream_options });
  let text = "";
  for await (const { choices } of chunks) text += choices[0]?.delta.content ?? "";
  return text;
}

const answered = { responses: responded, stream: streamed }[process.env.API] ?? answer;
answered()
  .then((text) => console.log("answer:", text))
  .catch((error) => {
    console.error(error);
    process.exitCode = 1;
  });
