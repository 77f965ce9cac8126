package harness;

import java.nio.file.Files;
import java.nio.file.Path;

/* Run the tests of one Java task and, once they have ended without an error, print the secret that was on stdin.

   Stands in a package of its own, where no class of the solution can take the place of one of Java's. In the tests it could: so
   none may be named as something that they use; ./names.txt holds those names, one a line. */
public final class Harness {
    public static void main(String[] arguments) throws Throwable {
        String secret = new String(System.in.readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
        java.io.PrintStream out = System.out;
        ClassLoader loader = Harness.class.getClassLoader();
        for (String name : Files.readAllLines(Path.of("names.txt"))) {
            if (exists(name, loader)) {
                System.err.println("AssertionError: the solution declares " + name + ", which the tests use");
                Runtime.getRuntime().halt(1);
            }
        }
        var tests = Class.forName("Main", true, loader).getDeclaredMethod("main", String[].class);
        tests.setAccessible(true);
        try {
            tests.invoke(null, (Object) arguments);
        } catch (java.lang.reflect.InvocationTargetException error) {
            throw error.getCause();
        }
        out.println();
        out.println(secret);
        out.flush();
        Runtime.getRuntime().halt(0);
    }

    private static boolean exists(String name, ClassLoader loader) {
        try {
            Class.forName(name, false, loader);
            return true;
        } catch (ClassNotFoundException | LinkageError error) {
            return false;
        }
    }
}
