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

    public static void main(String[] args) {
        List<Shape> shapes = List.of(new Circle(1.5), new Rectangle(2, 3.25), new Triangle(3, 4, 5));
        String report = shapes.stream()
                .sorted(Comparator.comparingDouble(Shapes::area).reversed())
                .map(shape -> String.format("%-40s %8.3f", shape, area(shape)))
                .collect(Collectors.joining("\n"));
        System.out.println(report);
    }
}
