import io.trino.server.Server;

/** Starts Trino. Its own launcher of this version is not to be had. */
public final class Start {
    public static void main(String[] arguments) {
        new Server().start(arguments[0]);
    }
}
