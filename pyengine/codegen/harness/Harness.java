/* Run the tests of one Java task and, once they have ended without an error, print the secret that was on stdin. */
public final class Harness {
    public static void main(String[] arguments) throws Throwable {
        String secret = new String(System.in.readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
        java.io.PrintStream out = System.out;
        Main.main(arguments);
        out.println();
        out.println(secret);
        out.flush();
        Runtime.getRuntime().halt(0);
    }
}
