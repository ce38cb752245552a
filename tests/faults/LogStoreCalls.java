package headrace;

import io.delta.storage.LogStore;
import java.util.Iterator;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/** What the tests of the log store need on Java's side. */
public final class LogStoreCalls {
  private LogStoreCalls() {}

  /** Lines of equal length, made one by one. */
  public static final class Lines implements Iterator<String> {
    private final String line;
    private final int count;
    private final int broken;
    private int made;

    /**
     * @param broken the line in whose place there is an error; -1 for none
     */
    public Lines(String line, int count, int broken) {
      this.line = line;
      this.count = count;
      this.broken = broken;
    }

    @Override
    public boolean hasNext() {
      return made < count;
    }

    @Override
    public String next() {
      if (made == broken) {
        throw new IllegalStateException("line " + made + " cannot be made");
      }
      made++;
      return line;
    }
  }

  /** A write in a thread that can be interrupted. */
  public static final class Write extends Thread {
    private final LogStore store;
    private final Path path;
    private final Configuration conf;
    private String failure = "";
    private boolean leftInterrupted;

    public Write(LogStore store, Path path, Configuration conf) {
      this.store = store;
      this.path = path;
      this.conf = conf;
    }

    @Override
    public void run() {
      try {
        store.write(path, new Lines("line", 1, -1), Boolean.FALSE, conf);
      } catch (Exception error) {
        failure = error.toString();
      }
      leftInterrupted = isInterrupted();
    }

    public String failure() {
      return failure;
    }

    public boolean leftInterrupted() {
      return leftInterrupted;
    }
  }
}
