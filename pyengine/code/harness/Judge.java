package pyengine;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.StringWriter;
import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.net.URI;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.StringJoiner;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;

/* The machine of the tests. */
final class Judge {
    private static final Pattern IMPORT = Pattern.compile("^\\s*import\\s+(?:static\\s+)?[\\w.]+(?:\\.\\*)?\\s*;", Pattern.MULTILINE);
    private final Set<Throwable> raised = Collections.newSetFromMap(new IdentityHashMap<>());
    private String gone;
    private DataInputStream in;
    private DataOutputStream out;

    void run() throws Exception {
        in = Bridge.input();
        out = Bridge.output();
        String reference = Files.readString(Path.of("reference.java")), tests = Files.readString(Path.of("tests.java"));
        compile("reference", Map.of("Reference", reference), "");
        Class<?> tested = tested(Files.readString(Path.of("entry_point.txt")).strip());
        String imports = IMPORT.matcher(reference).results().map(found -> found.group()).collect(Collectors.joining("\n"));
        compile("tests", Map.of("Stub", stub(tested), "Main", imports + "\n" + tests), "reference");
        Class<?> main = loader("tests", "reference").loadClass("Main");
        Field call = main.getClassLoader().loadClass(tested.getName()).getDeclaredField("call");
        call.setAccessible(true);
        call.set(null, (Function<Object[], Object>) this::call);
        Method method = main.getDeclaredMethod("main", String[].class);
        method.setAccessible(true);
        String[] verdict = {"passed", "", ""};
        try {
            method.invoke(null, (Object) new String[0]);
        } catch (InvocationTargetException error) {
            Throwable cause = error.getCause();
            boolean theirs = raised.contains(cause);
            verdict = new String[] {theirs ? "raised" : "failed", Bridge.cut(String.valueOf(cause)), cause.getClass().getName()};
        }
        if (gone != null) verdict = new String[] {"gone", gone, ""};
        String written = "{\"outcome\": " + quoted(verdict[0]) + ", \"detail\": " + quoted(verdict[1]) + ", \"kind\": " + quoted(verdict[2]) + "}";
        new FileOutputStream(Bridge.descriptor(5)).write(written.getBytes(StandardCharsets.US_ASCII));
    }

    private static String quoted(String text) {
        StringBuilder made = new StringBuilder("\"");
        for (char unit : text.toCharArray()) made.append(String.format("\\u%04x", (int) unit));
        return made.append('"').toString();
    }

    private static ClassLoader loader(String... folders) throws Exception {
        URL[] urls = new URL[folders.length];
        for (int i = 0; i < folders.length; i++) urls[i] = new File(folders[i]).toURI().toURL();
        return new URLClassLoader(urls, ClassLoader.getPlatformClassLoader());
    }

    private static void compile(String folder, Map<String, String> sources, String path) throws IOException {
        Files.createDirectories(Path.of(folder));
        List<JavaFileObject> units = new ArrayList<>();
        sources.forEach((name, text) -> units.add(new SimpleJavaFileObject(URI.create("string:///" + name + ".java"), JavaFileObject.Kind.SOURCE) {
            @Override
            public CharSequence getCharContent(boolean ignored) {
                return text;
            }

            @Override
            public boolean isNameCompatible(String simple, JavaFileObject.Kind kind) {
                return kind == JavaFileObject.Kind.SOURCE;
            }
        }));
        StringWriter said = new StringWriter();
        List<String> options = List.of("-proc:none", "-nowarn", "-d", folder, "-cp", path.isEmpty() ? folder : path);
        if (!ToolProvider.getSystemJavaCompiler().getTask(said, null, null, options, null, units).call())
            throw new IOException("the task's own " + folder + " do not compile: " + said);
    }

    /* Return the class of the reference that has the method asked for, or the one that such tasks name so. */
    private static Class<?> tested(String name) throws Exception {
        ClassLoader loader = loader("reference");
        for (String file : new File("reference").list()) {
            if (!file.endsWith(".class") || file.contains("$")) continue;
            Class<?> found = Class.forName(file.substring(0, file.length() - 6), false, loader);
            for (Method method : found.getDeclaredMethods()) if (method.getName().equals(name)) return found;
        }
        return Class.forName("Solution", false, loader); // the tests may ask for more than one method
    }

    private static String stub(Class<?> tested) {
        String name = tested.getSimpleName();
        StringBuilder made = new StringBuilder((Modifier.isPublic(tested.getModifiers()) ? "public " : "") + "class " + name + variables(tested.getTypeParameters()) + " {\n");
        made.append("static java.util.function.Function<Object[], Object> call;\nprivate final Object self;\n");
        for (Constructor<?> each : tested.getDeclaredConstructors()) {
            if (Modifier.isPrivate(each.getModifiers())) continue;
            made.append(head(each, "", name)).append("self = ").append(asked(each, "N", "null")).append(";\n}\n");
        }
        for (Method each : tested.getDeclaredMethods()) {
            if (Modifier.isPrivate(each.getModifiers()) || each.isSynthetic()) continue;
            boolean fixed = Modifier.isStatic(each.getModifiers());
            String type = named(each.getGenericReturnType()), asked = asked(each, "C", fixed ? "null" : "self");
            made.append(fixed ? "static " : "").append(head(each, type + " ", each.getName()));
            made.append(type.equals("void") ? asked : "return (" + type + ") " + asked).append(";\n}\n");
        }
        return made.append("}\n").toString();
    }

    private static String head(Executable called, String type, String name) {
        StringJoiner parameters = new StringJoiner(", ", "(", ")");
        Type[] types = called.getGenericParameterTypes();
        for (int i = 0; i < types.length; i++) {
            String text = named(types[i]);
            if (called.isVarArgs() && i == types.length - 1) text = text.substring(0, text.length() - 2) + "...";
            parameters.add(text + " p" + i);
        }
        String thrown = Arrays.stream(called.getExceptionTypes()).map(Class::getTypeName).collect(Collectors.joining(", "));
        String visible = Modifier.isPublic(called.getModifiers()) ? "public " : "";
        return visible + variables(called.getTypeParameters()) + " " + type + name + parameters + (thrown.isEmpty() ? "" : " throws " + thrown) + " {\n";
    }

    private static String asked(Executable called, String kind, String self) {
        StringJoiner arguments = new StringJoiner(", ", "new Object[] {", "}");
        for (int i = 0; i < called.getParameterCount(); i++) arguments.add("p" + i);
        String fixed = "\"" + kind + "\", \"" + called.getDeclaringClass().getName() + "\", \"" + Bridge.signature(called) + "\", ";
        String type = called instanceof Method method ? method.getReturnType().getTypeName() + ".class" : "null";
        return "call.apply(new Object[] {" + fixed + self + ", " + arguments + ", " + type + "})";
    }

    private static String variables(TypeVariable<?>[] all) {
        if (all.length == 0) return "";
        return Arrays.stream(all).map(each -> each.getName() + " extends " + Arrays.stream(each.getBounds()).map(Judge::named).collect(Collectors.joining(" & ")))
                .collect(Collectors.joining(", ", "<", ">"));
    }

    private static String named(Type type) {
        return type.getTypeName().replace('$', '.');
    }

    private Object call(Object[] request) {
        Object[] arguments = (Object[]) request[4];
        try {
            if (gone == null) {
                out.writeByte(((String) request[0]).charAt(0));
                Wire.text(out, (String) request[1]);
                Wire.text(out, (String) request[2]);
                out.writeInt(request[3] == null ? -1 : (Integer) request[3]);
                Wire.write(out, arguments, 0);
                out.flush();
                int kind = in.readByte();
                if (kind == 'V') return answered(request, arguments);
                if (kind == 'X') throw thrown(Wire.text(in), Wire.text(in));
                throw new WireError("an answer that is none");
            }
        } catch (IOException | RuntimeException | StackOverflowError error) {
            if (raised.contains(error)) throw sneaky(error);
            gone = Bridge.cut(String.valueOf(error));
        } catch (Throwable error) {
            throw sneaky(error);
        }
        throw new Error("the solution is gone: " + gone);
    }

    private Object answered(Object[] request, Object[] arguments) throws IOException {
        Object value = Wire.read(in, 0), changed = Wire.read(in, 0);
        if (changed instanceof Object[] after && after.length == arguments.length)
            for (int i = 0; i < after.length; i++) overwrite(arguments[i], after[i]);
        Class<?> declared = (Class<?>) request[5];
        if (declared == null) return value instanceof Integer ? value : -1;
        if (declared == void.class) return null;
        return Wire.fit(value, declared);
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private static void overwrite(Object item, Object after) {
        if (item == null || after == null || item.equals(after)) return;
        try {
            if (item.getClass().isArray() && item.getClass() == after.getClass() && Array.getLength(item) == Array.getLength(after))
                System.arraycopy(after, 0, item, 0, Array.getLength(item));
            else if (item instanceof List list && after instanceof List others && list.size() == others.size())
                for (int i = 0; i < list.size(); i++) list.set(i, others.get(i));
            else if (item instanceof Collection all && after instanceof Collection others) {
                all.clear();
                all.addAll(others);
            } else if (item instanceof Map map && after instanceof Map others) {
                map.clear();
                map.putAll(others);
            }
        } catch (UnsupportedOperationException error) {
            return; // one that nobody can change
        }
    }

    /* Return an error of Java's own kind of that name, as tests may expect one. */
    private Throwable thrown(String kind, String message) {
        Throwable made = null;
        try {
            Class<?> found = kind.startsWith("java.") ? Class.forName(kind, false, ClassLoader.getPlatformClassLoader()) : Object.class;
            if (Throwable.class.isAssignableFrom(found)) made = (Throwable) create(found, message);
        } catch (ReflectiveOperationException error) {
            made = null;
        }
        if (made == null) made = new RuntimeException(kind + ": " + message);
        raised.add(made);
        return made;
    }

    private static Object create(Class<?> found, String message) throws ReflectiveOperationException {
        for (Class<?> parameter : List.of(String.class, Object.class)) {
            try {
                return found.getConstructor(parameter).newInstance(message);
            } catch (NoSuchMethodException error) {
                continue;
            }
        }
        return found.getConstructor().newInstance();
    }

    @SuppressWarnings("unchecked")
    private static <T extends Throwable> RuntimeException sneaky(Throwable error) throws T {
        throw (T) error;
    }
}
