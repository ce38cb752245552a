package headrace;

import io.delta.storage.S3SingleDriverLogStore;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.util.Iterator;
import java.util.UUID;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FSDataOutputStreamBuilder;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * Delta's log on S3, with commits that cannot overwrite each other.
 *
 * <p>A commit is sent with {@code If-None-Match: *} and carries an id of its own. When its answer is
 * lost, the id of the object that is there tells whose commit it is. Reading and listing are Delta's
 * own; an object appears whole or not at all, so no partial write is ever visible.
 *
 * <p>It protects a table only from writers that are as careful.
 */
public final class ConditionalS3LogStore extends S3SingleDriverLogStore {
  private static final String IF_ABSENT = "fs.option.create.conditional.overwrite";
  private static final String WRITE_ID = "headrace-write-id";

  public ConditionalS3LogStore(Configuration conf) {
    super(conf);
  }

  /**
   * Writes a file of the log.
   *
   * @param overwrite what Delta asks for with hints such as {@code _last_checkpoint}, never with a
   *     commit
   * @throws FileAlreadyExistsException another writer's file is there
   * @throws IOException nothing was seen to be written, or, if it says so, the outcome is unknown
   */
  @Override
  public void write(Path path, Iterator<String> actions, Boolean overwrite, Configuration conf)
      throws IOException {
    if (overwrite) {
      super.write(path, actions, overwrite, conf);
      return;
    }
    FileSystem fs = path.getFileSystem(conf);
    String id = UUID.randomUUID().toString();
    FSDataOutputStream out = create(fs, path, id);
    fill(out, actions);
    try {
      out.close(); // the one step that makes the file visible
    } catch (IOException failure) {
      settle(fs, path, id, failure);
    }
  }

  /** Demands both options: a file system that does not know them fails instead of overwriting. */
  private static FSDataOutputStream create(FileSystem fs, Path path, String id) throws IOException {
    FSDataOutputStreamBuilder<?, ?> builder = fs.createFile(path);
    builder.overwrite(false);
    builder.must(IF_ABSENT, true);
    builder.must("fs.s3a.create.header." + WRITE_ID, id);
    return (FSDataOutputStream) builder.build();
  }

  /** One line after the other, as a commit may be larger than memory. */
  private static void fill(FSDataOutputStream out, Iterator<String> actions) throws IOException {
    boolean complete = false;
    try {
      while (actions.hasNext()) {
        out.write((actions.next() + "\n").getBytes(StandardCharsets.UTF_8));
      }
      complete = true;
    } finally {
      if (!complete) {
        out.abort(); // closing it would commit the first half
      }
    }
  }

  /** Finds out what became of a write that failed; returns if it succeeded all the same. */
  private static void settle(FileSystem fs, Path path, String id, IOException failure)
      throws IOException {
    byte[] owner;
    // An interrupted thread cannot ask; it is interrupted again once the answer is known.
    boolean interrupted = Thread.interrupted() || isInterrupt(failure);
    try {
      owner = fs.getXAttr(path, "header." + WRITE_ID);
    } catch (FileNotFoundException absent) {
      throw failure;
    } catch (IOException unreadable) {
      failure.addSuppressed(unreadable);
      throw new IOException("commit outcome unknown: " + path + " cannot be read back", failure);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
    if (owner == null || !id.equals(new String(owner, StandardCharsets.UTF_8))) {
      FileAlreadyExistsException taken = new FileAlreadyExistsException(path.toString());
      taken.initCause(failure);
      throw taken; // what Delta answers with the next version
    }
  }

  private static boolean isInterrupt(IOException failure) {
    return failure instanceof InterruptedIOException && !(failure instanceof SocketTimeoutException);
  }
}
