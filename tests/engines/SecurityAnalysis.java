package elkmcp.engines;

import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.email.UAX29URLEmailTokenizer;
import org.apache.lucene.analysis.miscellaneous.RemoveDuplicatesTokenFilter;
import org.apache.lucene.analysis.pattern.PatternCaptureGroupTokenFilter;
import org.elasticsearch.index.analysis.TokenFilterFactory;
import org.elasticsearch.index.analysis.TokenizerFactory;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.elasticsearch.plugins.AnalysisPlugin;
import org.elasticsearch.plugins.Plugin;

/**
 * The mapping of the {@code .security} index names a tokenizer and two filters that live in a module which the distribution for integration
 * tests comes without. Supplying them is enough for users and API keys to work there.
 */
public final class SecurityAnalysis extends Plugin implements AnalysisPlugin {
  @Override
  public Map<String, AnalysisProvider<TokenizerFactory>> getTokenizers() {
    return Map.of(
        "uax_url_email", (index, environment, name, settings) -> TokenizerFactory.newFactory(name, UAX29URLEmailTokenizer::new));
  }

  @Override
  public Map<String, AnalysisProvider<TokenFilterFactory>> getTokenFilters() {
    AnalysisProvider<TokenFilterFactory> patternCapture =
        AnalysisPlugin.requiresAnalysisSettings(
            (index, environment, name, settings) -> {
              List<String> expressions = settings.getAsList("patterns");
              Pattern[] patterns = expressions.stream().map(Pattern::compile).toArray(Pattern[]::new);
              boolean keepWhole = settings.getAsBoolean("preserve_original", true);
              return factory(name, input -> new PatternCaptureGroupTokenFilter(input, keepWhole, patterns));
            });
    return Map.of(
        "pattern_capture", patternCapture,
        "unique", (index, environment, name, settings) -> factory(name, RemoveDuplicatesTokenFilter::new));
  }

  private static TokenFilterFactory factory(String name, UnaryOperator<TokenStream> filter) {
    return new TokenFilterFactory() {
      @Override
      public String name() {
        return name;
      }

      @Override
      public TokenStream create(TokenStream input) {
        return filter.apply(input);
      }
    };
  }
}
