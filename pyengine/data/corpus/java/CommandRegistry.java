package org.example.mud;

import java.lang.annotation.ElementType;
import java.lang.annotation.Repeatable;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Parameter;
import java.util.List;
import java.util.Locale;
import java.util.NavigableMap;
import java.util.StringJoiner;
import java.util.TreeMap;
import java.util.function.Function;

/**
 * Finds the methods of an object that are commands of the game, and calls them with what the player
 * typed. Names may be shortened as long as they are unambiguous: {@code inv} is {@code inventory}.
 */
public class CommandRegistry {

    @Retention(RetentionPolicy.RUNTIME)
    @Target(ElementType.METHOD)
    @Repeatable(Commands.class)
    public @interface Command {
        String value() default "";

        String help() default "(no help)";
    }

    @Retention(RetentionPolicy.RUNTIME)
    @Target(ElementType.METHOD)
    public @interface Commands {
        Command[] value();
    }

    public static class UsageException extends RuntimeException {
        UsageException(String message) {
            super(message);
        }
    }

    private record Handler(Object owner, Method method, String help) {}

    private static final List<Class<?>> SIMPLE = List.of(String.class, int.class, Direction.class);
    private final NavigableMap<String, Handler> targets = new TreeMap<>();

    public enum Direction { NORTH, EAST, SOUTH, WEST }

    public void register(Object owner) {
        for (Method method : owner.getClass().getDeclaredMethods()) {
            for (Command command : method.getAnnotationsByType(Command.class)) {
                String name = command.value().isEmpty() ? method.getName() : command.value();
                for (Class<?> type : method.getParameterTypes()) {
                    if (!SIMPLE.contains(type)) {
                        throw new IllegalStateException(name + " takes a " + type.getSimpleName());
                    }
                }
                method.setAccessible(true);
                targets.put(name.toLowerCase(Locale.ROOT), new Handler(owner, method, command.help()));
            }
        }
    }

    public Object run(String line) throws Throwable {
        String[] words = line.trim().split("\\s+");
        Handler target = find(words[0].toLowerCase(Locale.ROOT));
        Parameter[] parameters = target.method().getParameters();
        if (words.length - 1 != parameters.length) {
            throw new UsageException(usage(words[0], parameters));
        }
        Object[] arguments = new Object[parameters.length];
        for (int i = 0; i < arguments.length; i++) {
            arguments[i] = converter(parameters[i].getType()).apply(words[i + 1]);
        }
        try {
            return target.method().invoke(target.owner(), arguments);
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }

    private Handler find(String name) {
        Handler exact = targets.get(name);
        if (exact != null) return exact;
        var candidates = targets.subMap(name, true, name + Character.MAX_VALUE, false);
        return switch (candidates.size()) {
            case 0 -> throw new UsageException("I do not know how to " + name + ".");
            case 1 -> candidates.firstEntry().getValue();
            default -> throw new UsageException("Do you mean one of " + candidates.keySet() + "?");
        };
    }

    private static Function<String, Object> converter(Class<?> type) {
        if (type == int.class) return Integer::valueOf;
        if (type == Direction.class) return word -> Direction.valueOf(word.toUpperCase(Locale.ROOT));
        return word -> word;
    }

    private static String usage(String name, Parameter... parameters) {
        StringJoiner joiner = new StringJoiner(" ", "Usage: " + name + " ", "");
        for (Parameter parameter : parameters) joiner.add("<" + parameter.getName() + ">");
        return joiner.toString();
    }
}
