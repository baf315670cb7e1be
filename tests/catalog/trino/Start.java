import io.trino.server.Server;

/** Starts Trino, because Maven Central does not have its launcher in this version. */
public final class Start {
    public static void main(String[] arguments) {
        new Server().start(arguments[0]);
    }
}
