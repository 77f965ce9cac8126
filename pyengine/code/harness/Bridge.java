package pyengine;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/* Run the tests of one Java task in one virtual machine and the solution in another: only plain values cross.

   `judge` has ./reference.java, ./tests.java and ./entry_point.txt. It compiles the task's own reference to learn which methods there are,
   and the tests against a class of the same name and methods whose bodies ask the other machine: requests leave on descriptor 4, answers
   come on 3, the verdict goes to 5. `solver` has the solution's classes in its folder, takes requests on 3 and answers on 4; it knows no
   test and gives no verdict. */
public final class Bridge {
    static final int LARGEST = 16 << 20, DEEPEST = 200, LONGEST = 500;

    public static void main(String[] arguments) throws Exception {
        if (arguments[0].equals("judge")) new Judge().run();
        else new Solver().run();
        Runtime.getRuntime().halt(0); // whatever is left running
    }

    static FileDescriptor descriptor(int number) throws ReflectiveOperationException {
        FileDescriptor made = new FileDescriptor();
        Field field = FileDescriptor.class.getDeclaredField("fd");
        field.setAccessible(true);
        field.setInt(made, number);
        return made;
    }

    static DataInputStream input() throws ReflectiveOperationException {
        return new DataInputStream(new BufferedInputStream(new FileInputStream(descriptor(3))));
    }

    static DataOutputStream output() throws ReflectiveOperationException {
        return new DataOutputStream(new BufferedOutputStream(new FileOutputStream(descriptor(4))));
    }

    static String cut(String text) {
        return text.length() > LONGEST ? text.substring(0, LONGEST) : text;
    }

    /* The machine of the solution. */
    static final class Solver {
        private final List<Object> objects = new ArrayList<>();

        void run() throws Exception {
            DataInputStream in = input();
            DataOutputStream out = output();
            for (int kind = in.read(); kind >= 0; kind = in.read()) {
                String holder = Wire.text(in), signature = Wire.text(in);
                int self = in.readInt();
                Object[] arguments = (Object[]) Wire.read(in, 0);
                java.io.ByteArrayOutputStream reply = new java.io.ByteArrayOutputStream();
                DataOutputStream written = new DataOutputStream(reply);
                try {
                    Object value = answer(kind, holder, signature, self, arguments);
                    written.writeByte('V');
                    Wire.write(written, value, 0);
                    Wire.write(written, arguments, 0);
                    if (reply.size() > LARGEST) throw new WireError("value too large to cross");
                } catch (Throwable thrown) {
                    Throwable error = thrown instanceof InvocationTargetException ? thrown.getCause() : thrown;
                    reply.reset();
                    written.writeByte('X');
                    Wire.text(written, cut(error.getClass().getName()));
                    Wire.text(written, cut(String.valueOf(error.getMessage())));
                }
                out.write(reply.toByteArray());
                out.flush();
            }
        }

        private Object answer(int kind, String holder, String signature, int self, Object[] arguments) throws Exception {
            Class<?> found = Class.forName(holder);
            Executable[] all = kind == 'N' ? found.getDeclaredConstructors() : found.getDeclaredMethods();
            Executable called = choose(all, signature, arguments.length);
            called.setAccessible(true);
            for (int i = 0; i < arguments.length; i++) arguments[i] = Wire.fit(arguments[i], called.getParameterTypes()[i]);
            if (called instanceof Constructor<?> constructor) {
                objects.add(constructor.newInstance(arguments));
                return objects.size() - 1;
            }
            return ((Method) called).invoke(self < 0 ? null : objects.get(self), arguments);
        }

        private static Executable choose(Executable[] all, String signature, int count) throws NoSuchMethodException {
            Executable alike = null;
            for (Executable found : all) {
                if (signature(found).equals(signature)) return found;
                boolean named = found instanceof Constructor || signature.startsWith(found.getName() + "(");
                if (named && found.getParameterCount() == count && !found.isSynthetic()) alike = found;
            }
            if (alike == null) throw new NoSuchMethodException(signature);
            return alike;
        }
    }

    static String signature(Executable called) {
        String name = called instanceof Constructor ? "new" : called.getName();
        return name + Arrays.stream(called.getParameterTypes()).map(Class::getName).collect(Collectors.joining(",", "(", ")"));
    }
}
