import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.JsonValue;
import com.openai.models.FunctionDefinition;
import com.openai.models.FunctionParameters;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionFunctionTool;
import com.openai.models.chat.completions.ChatCompletionMessage;
import com.openai.models.chat.completions.ChatCompletionToolMessageParam;
import java.util.List;
import java.util.Map;

/** A weather agent with OpenAI's own library: it asks, runs the tool that the model wants, and asks again. */
public class Agent {
  public static void main(String[] arguments) {
    OpenAIClient client = OpenAIOkHttpClient.fromEnv();
    ChatCompletionCreateParams.Builder asked =
        ChatCompletionCreateParams.builder()
            .model("gpt-5-mini")
            .addSystemMessage("Be brief.")
            .addUserMessage("What is the weather in Paris?");
    if (System.getenv("TOOL") != null) asked.addTool(weatherTool());

    ChatCompletionMessage said = said(client, asked);
    while (said.toolCalls().isPresent() && !said.toolCalls().get().isEmpty()) {
      asked.addMessage(said);
      for (var call : said.toolCalls().get())
        asked.addMessage(
            ChatCompletionToolMessageParam.builder()
                .toolCallId(call.asFunction().id())
                .content("{\"city\":\"Paris\",\"celsius\":18}")
                .build());
      said = said(client, asked);
    }
    System.out.println("answer: " + said.content().orElseThrow());
  }

  private static ChatCompletionMessage said(OpenAIClient client, ChatCompletionCreateParams.Builder asked) {
    return client.chat().completions().create(asked.build()).choices().get(0).message();
  }

  private static ChatCompletionFunctionTool weatherTool() {
    FunctionParameters parameters =
        FunctionParameters.builder()
            .putAdditionalProperty("type", JsonValue.from("object"))
            .putAdditionalProperty("properties", JsonValue.from(Map.of("city", Map.of("type", "string"))))
            .putAdditionalProperty("required", JsonValue.from(List.of("city")))
            .build();
    return ChatCompletionFunctionTool.builder()
        .function(
            FunctionDefinition.builder()
                .name("get_weather")
                .description("The weather in a city")
                .parameters(parameters)
                .build())
        .build();
  }
}
