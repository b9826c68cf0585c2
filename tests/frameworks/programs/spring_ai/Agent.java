package agent;

import java.util.Map;
import org.springframework.ai.chat.client.ChatClient;
import org.springframework.ai.tool.annotation.Tool;
import org.springframework.boot.CommandLineRunner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;

/** A weather agent with Spring AI. */
@SpringBootApplication
public class Agent {
  public static void main(String[] arguments) {
    SpringApplication.run(Agent.class, arguments).close();
  }

  @Bean
  CommandLineRunner ask(ChatClient.Builder builder) {
    return arguments -> {
      var asked = builder.build().prompt().system("Be brief.").user("What is the weather in Paris?");
      if (System.getenv("TOOL") != null) asked = asked.tools(new Weather());
      System.out.println("answer: " + asked.call().content());
    };
  }

  /** What the model may call. */
  static class Weather {
    @Tool(name = "get_weather", description = "The weather in a city")
    Map<String, Object> weather(String city) {
      if ("fails".equals(System.getenv("TOOL"))) throw new IllegalStateException("the weather station is closed");
      return Map.of("city", city, "celsius", 18);
    }
  }
}
