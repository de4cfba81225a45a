import java.util.concurrent.CountDownLatch;
import org.codelibs.opensearch.runner.OpenSearchRunner;
import org.codelibs.opensearch.runner.OpenSearchRunner.Configs;

/** One OpenSearch node in this process. Arguments: its folder, the cluster's name, the HTTP port, the transport port. */
public final class OpenSearchNode {
  private OpenSearchNode() {}

  public static void main(String[] arguments) throws Exception {
    String folder = arguments[0];
    String cluster = arguments[1];
    String httpPort = arguments[2];
    String transportPort = arguments[3];

    OpenSearchRunner runner = new OpenSearchRunner();
    // The runner checks the ports of its configuration against a range of its own; what is set here comes last and is not checked.
    runner.onBuild(
        (number, settings) -> {
          settings.put("http.port", httpPort);
          settings.put("transport.port", transportPort);
          settings.put("discovery.type", "single-node");
          settings.put("cluster.routing.allocation.disk.threshold_enabled", false);
        });
    Configs configuration = OpenSearchRunner.newConfigs().basePath(folder).clusterName(cluster).numOfNode(1).baseHttpPort(9200);
    runner.build(configuration);
    new CountDownLatch(1).await();
  }
}
