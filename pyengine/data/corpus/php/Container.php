<?php

declare(strict_types=1);

namespace Tiny\Container;

use Psr\Container\ContainerInterface;
use ReflectionClass;
use ReflectionNamedType;
use ReflectionParameter;

/**
 * Builds objects by the types of their constructors' parameters.
 *
 *     $container = new Container();
 *     $container->bind(Clock::class, SystemClock::class);
 *     $container->share(PDO::class, fn () => new PDO('sqlite::memory:'));
 *     $report = $container->get(MonthlyReport::class);
 */
class Container implements ContainerInterface
{
    /** @var array<class-string, callable(self): object> */
    private array $factories = [];

    /** @var array<class-string, object> */
    private array $shared = [];

    /** @var array<class-string, true> */
    private array $building = [];

    public function bind(string $id, string|callable|null $concrete = null): void
    {
        unset($this->shared[$id]);
        $this->factories[$id] = match (true) {
            is_callable($concrete) => $concrete,
            $concrete === null, $concrete === $id => fn (self $c) => $c->build($id),
            default => fn (self $c) => $c->get($concrete),
        };
    }

    public function share(string $id, string|callable|null $concrete = null): void
    {
        $this->bind($id, $concrete);
        $factory = $this->factories[$id];
        $this->factories[$id] = fn (self $c) => $this->shared[$id] ??= $factory($c);
    }

    /** Changes what a binding gives, e.g. wraps a mailer in one that counts. */
    public function extend(string $id, callable $decorate): void
    {
        $inner = $this->factories[$id] ?? fn (self $c) => $c->build($id);
        $this->factories[$id] = static fn (self $c) => $decorate($inner($c), $c);
    }

    public function has(string $id): bool
    {
        return isset($this->factories[$id]) || (class_exists($id) && (new ReflectionClass($id))->isInstantiable());
    }

    public function get(string $id): object
    {
        if (isset($this->building[$id])) {
            $chain = implode(' -> ', [...array_keys($this->building), $id]);
            throw new ContainerError("circular: {$chain}");
        }
        $this->building[$id] = true;
        try {
            return isset($this->factories[$id]) ? ($this->factories[$id])($this) : $this->build($id);
        } finally {
            unset($this->building[$id]);
        }
    }

    private function build(string $class): object
    {
        if (!class_exists($class)) {
            throw new NotFound("nothing is bound to {$class}");
        }
        $reflection = new ReflectionClass($class);
        if (!$reflection->isInstantiable()) {
            throw new ContainerError("{$class} is abstract; bind it to something");
        }
        $parameters = $reflection->getConstructor()?->getParameters() ?? [];

        return $reflection->newInstanceArgs(array_map($this->argument(...), $parameters));
    }

    private function argument(ReflectionParameter $parameter): mixed
    {
        $type = $parameter->getType();
        if ($type instanceof ReflectionNamedType && !$type->isBuiltin() && $this->has($type->getName())) {
            return $this->get($type->getName());
        }
        if ($parameter->isDefaultValueAvailable()) {
            return $parameter->getDefaultValue();
        }
        if ($parameter->allowsNull()) {
            return null;
        }
        $owner = $parameter->getDeclaringClass()->getName();
        throw new ContainerError("cannot guess \${$parameter->getName()} of {$owner}");
    }
}

class ContainerError extends \RuntimeException implements \Psr\Container\ContainerExceptionInterface {}

class NotFound extends ContainerError implements \Psr\Container\NotFoundExceptionInterface {}
