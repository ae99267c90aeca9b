// The official clients for Node at a server: takes its address and key, prints what it was told as JSON.

import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

const [url, key] = process.argv.slice(2);
const messages = [{ role: "user", content: "What is the capital of France?" }];
const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };

async function openai() {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
  const tools = [{ type: "function", function: { name: "weather", parameters: schema } }];
  const { data, response } = await client.chat.completions.create({ model: "auto", messages }).withResponse();
  let streamed = "";
  for await (const chunk of await client.chat.completions.create({ model: "auto", messages, stream: true })) {
    streamed += chunk.choices[0].delta.content ?? "";
  }
  const whole = await client.chat.completions.create({ model: "strong", messages, tools });
  const folded = await client.chat.completions.stream({ model: "strong", messages, tools }).finalChatCompletion();
  const calls = (answer) => answer.choices[0].message.tool_calls.map((call) => JSON.parse(call.function.arguments));
  const models = [];
  for await (const model of client.models.list()) models.push(model.id);
  const missing = await client.chat.completions.create({ model: "gpt-17", messages }).catch((error) => error);
  const stranger = new OpenAI({ baseURL: `${url}/v1`, apiKey: "wrong", maxRetries: 0 });
  const refused = await stranger.models.list().catch((error) => error);
  return {
    whole: data.choices[0].message.content,
    route: response.headers.get("x-router-route"),
    streamed,
    calls: calls(whole),
    streamedCalls: calls(folded),
    models,
    missing: [missing.constructor.name, missing.code],
    refused: refused.constructor.name,
  };
}

async function anthropic() {
  const client = new Anthropic({ baseURL: url, apiKey: key, authToken: null, maxRetries: 0 });
  const tools = [{ name: "weather", input_schema: schema }];
  const plain = await client.messages.create({ model: "auto", max_tokens: 50, messages });
  const asked = {
    model: "strong",
    max_tokens: 4000,
    messages,
    tools,
    thinking: { type: "enabled", budget_tokens: 2000 },
  };
  const whole = await client.messages.create(asked);
  const streamed = await client.messages.stream(asked).finalMessage();
  const counted = await client.messages.countTokens({ model: "auto", messages });
  const missing = await client.messages.create({ model: "gpt-17", max_tokens: 5, messages }).catch((error) => error);
  return {
    whole: plain.content[0].text,
    same: JSON.stringify(whole.content) === JSON.stringify(streamed.content),
    kinds: streamed.content.map((block) => block.type),
    inputs: streamed.content.filter((block) => block.type === "tool_use").map((block) => block.input),
    usage: streamed.usage.output_tokens,
    counted: counted.input_tokens,
    missing: [missing.constructor.name, missing.status],
  };
}

console.log(JSON.stringify({ openai: await openai(), anthropic: await anthropic() }));
