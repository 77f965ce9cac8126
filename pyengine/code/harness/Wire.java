package pyengine;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.reflect.Array;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.AbstractMap;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/* Values on the wire: a letter for the kind, then the content. */
final class Wire {
    static final Map<String, Class<?>> PRIMITIVES = Stream.of(boolean.class, byte.class, short.class, char.class, int.class, long.class,
            float.class, double.class, void.class).collect(Collectors.toMap(Class::getName, kind -> kind));

    static void text(DataOutputStream out, String text) throws IOException {
        byte[] data = text.getBytes(StandardCharsets.UTF_16BE); // halves of characters cross too
        out.writeInt(data.length);
        out.write(data);
    }

    static String text(DataInputStream in) throws IOException {
        int length = in.readInt();
        if (length < 0 || length > Bridge.LARGEST) throw new WireError("text too long");
        // interned: a test may compare with == what went to the solution and comes back as it was
        return new String(in.readNBytes(length), StandardCharsets.UTF_16BE).intern();
    }

    static void write(DataOutputStream out, Object value, int depth) throws IOException {
        if (depth > Bridge.DEEPEST) throw new WireError("value nested too deeply");
        if (value == null) out.writeByte('N');
        else if (value instanceof Boolean found) scalar(out, 'Z', found ? 1 : 0);
        else if (value instanceof Byte found) scalar(out, 'B', found);
        else if (value instanceof Short found) scalar(out, 'H', found);
        else if (value instanceof Character found) scalar(out, 'C', found);
        else if (value instanceof Integer found) scalar(out, 'I', found);
        else if (value instanceof Long found) scalar(out, 'J', found);
        else if (value instanceof Float found) scalar(out, 'F', Float.floatToRawIntBits(found));
        else if (value instanceof Double found) scalar(out, 'D', Double.doubleToRawLongBits(found));
        else if (value instanceof String found) named(out, 'S', found);
        else if (value instanceof BigInteger found) named(out, 'G', found.toString());
        else if (value instanceof BigDecimal found) named(out, 'E', found.toString());
        else if (value instanceof Optional<?> found) many(out, 'O', found.map(List::of).orElse(List.of()), depth);
        else if (value instanceof Map.Entry<?, ?> found) many(out, 'P', Arrays.asList(found.getKey(), found.getValue()), depth);
        else if (value instanceof Set<?> found) many(out, 'T', found, depth);
        else if (value instanceof Collection<?> found) many(out, 'L', found, depth);
        else if (value instanceof Map<?, ?> found) many(out, 'M', found.entrySet(), depth);
        else if (value.getClass().isArray()) array(out, value, depth);
        else throw new WireError("a " + value.getClass().getName() + " cannot cross");
    }

    private static void scalar(DataOutputStream out, char kind, long bits) throws IOException {
        out.writeByte(kind);
        out.writeLong(bits);
    }

    private static void named(DataOutputStream out, char kind, String content) throws IOException {
        out.writeByte(kind);
        text(out, content);
    }

    private static void many(DataOutputStream out, char kind, Collection<?> items, int depth) throws IOException {
        List<Object> held = new ArrayList<>(items);
        out.writeByte(kind);
        out.writeInt(held.size());
        for (Object item : held) write(out, item, depth + 1);
    }

    private static void array(DataOutputStream out, Object value, int depth) throws IOException {
        named(out, 'A', value.getClass().getComponentType().getName());
        List<Object> items = new ArrayList<>();
        for (int i = 0; i < Array.getLength(value); i++) items.add(Array.get(value, i));
        many(out, 'L', items, depth);
    }

    static Object read(DataInputStream in, int depth) throws IOException {
        if (depth > 2 * Bridge.DEEPEST) throw new WireError("value nested too deeply");
        char kind = (char) in.readByte();
        switch (kind) {
            case 'N': return null;
            case 'Z': return in.readLong() != 0;
            case 'B': return (byte) in.readLong();
            case 'H': return (short) in.readLong();
            case 'C': return (char) in.readLong();
            case 'I': return (int) in.readLong();
            case 'J': return in.readLong();
            case 'F': return Float.intBitsToFloat((int) in.readLong());
            case 'D': return Double.longBitsToDouble(in.readLong());
            case 'S': return text(in);
            case 'G': return new BigInteger(text(in));
            case 'E': return new BigDecimal(text(in));
            case 'A': return array(in, depth);
            default: return many(kind, items(in, depth));
        }
    }

    private static List<Object> items(DataInputStream in, int depth) throws IOException {
        int count = in.readInt();
        List<Object> items = new ArrayList<>();
        for (int i = 0; i < count; i++) items.add(read(in, depth + 1));
        return items;
    }

    private static Object many(char kind, List<Object> items) throws IOException {
        if (kind == 'L') return items;
        if (kind == 'T') return new LinkedHashSet<>(items);
        if (kind == 'O' && items.size() <= 1) return items.isEmpty() ? Optional.empty() : Optional.ofNullable(items.get(0));
        if (kind == 'P' && items.size() == 2) return new AbstractMap.SimpleEntry<>(items.get(0), items.get(1));
        if (kind != 'M') throw new WireError("unknown kind of value");
        Map<Object, Object> made = new LinkedHashMap<>();
        for (Object item : items) {
            if (!(item instanceof Map.Entry<?, ?> entry)) throw new WireError("a map of what is no entry");
            made.put(entry.getKey(), entry.getValue());
        }
        return made;
    }

    private static Object array(DataInputStream in, int depth) throws IOException {
        String name = text(in);
        if (!(read(in, depth) instanceof List<?> items)) throw new WireError("an array without items");
        try {
            Class<?> component = PRIMITIVES.get(name);
            if (component == null) component = Class.forName(name, false, ClassLoader.getPlatformClassLoader());
            Object made = Array.newInstance(component, items.size());
            for (int i = 0; i < items.size(); i++) Array.set(made, i, items.get(i));
            return made;
        } catch (ClassNotFoundException | IllegalArgumentException error) {
            throw new WireError("an array of " + Bridge.cut(name) + " cannot cross");
        }
    }

    /* Return `value`, or a collection of the declared type with the same items. */
    static Object fit(Object value, Class<?> declared) {
        if (value == null || declared.isPrimitive() || declared.isInstance(value)) return value;
        for (Class<?> source : List.of(Collection.class, Map.class)) {
            if (!source.isInstance(value)) continue;
            try {
                return declared.getConstructor(source).newInstance(value);
            } catch (ReflectiveOperationException error) {
                continue;
            }
        }
        return value;
    }
}
