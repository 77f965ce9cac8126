package org.example.geometry;

import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;

public class Shapes {
    public sealed interface Shape permits Circle, Rectangle, Triangle {}

    public record Circle(double radius) implements Shape {}

    public record Rectangle(double width, double height) implements Shape {}

    public record Triangle(double a, double b, double c) implements Shape {
        public Triangle {
            if (a + b <= c || b + c <= a || c + a <= b) {
                throw new IllegalArgumentException("no such triangle");
            }
        }
    }

    public static double area(Shape shape) {
        return switch (shape) {
            case Circle circle -> Math.PI * circle.radius() * circle.radius();
            case Rectangle rectangle -> rectangle.width() * rectangle.height();
            case Triangle triangle -> {
                double s = (triangle.a() + triangle.b() + triangle.c()) / 2;
                yield Math.sqrt(s * (s - triangle.a()) * (s - triangle.b()) * (s - triangle.c()));
            }
        };
    }

    /** The smallest upright rectangle around a shape that lies on its longest side. */
    public static Rectangle bounds(Shape shape) {
        if (shape instanceof Circle circle) {
            return new Rectangle(2 * circle.radius(), 2 * circle.radius());
        }
        if (shape instanceof Rectangle rectangle) {
            return new Rectangle(
                    Math.max(rectangle.width(), rectangle.height()),
                    Math.min(rectangle.width(), rectangle.height()));
        }
        Triangle triangle = (Triangle) shape;
        double base = Math.max(triangle.a(), Math.max(triangle.b(), triangle.c()));
        return new Rectangle(base, 2 * area(triangle) / base);
    }

    public static void main(String[] args) {
        List<Shape> shapes = List.of(new Circle(1.5), new Rectangle(2, 3.25), new Triangle(3, 4, 5));
        String report = shapes.stream()
                .sorted(Comparator.comparingDouble(Shapes::area).reversed())
                .map(shape -> String.format("%-40s %8.3f", shape, area(shape)))
                .collect(Collectors.joining("\n"));
        System.out.println(report);

        double waste = shapes.stream()
                .mapToDouble(shape -> area(bounds(shape)) - area(shape))
                .sum();
        System.out.printf("%.1f square metres of sheet metal are wasted%n", waste);
    }
}
