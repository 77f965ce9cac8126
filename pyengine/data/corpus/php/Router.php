<?php

declare(strict_types=1);

namespace App\Http;

use Closure;
use InvalidArgumentException;

final class Router
{
    /** @var array<string, list<array{pattern: string, handler: Closure}>> */
    private array $routes = [];

    public function __construct(private readonly string $prefix = '')
    {
    }

    public function get(string $path, callable $handler): static
    {
        return $this->add('GET', $path, $handler);
    }

    public function post(string $path, callable $handler): static
    {
        return $this->add('POST', $path, $handler);
    }

    private function add(string $method, string $path, callable $handler): static
    {
        if (!str_starts_with($path, '/')) {
            throw new InvalidArgumentException("path must begin with a slash: {$path}");
        }
        $pattern = preg_replace('/\{(\w+)\}/', '(?P<$1>[^\/]+)', $this->prefix . $path);
        $this->routes[$method][] = [
            'pattern' => '#^' . $pattern . '$#',
            'handler' => Closure::fromCallable($handler),
        ];
        return $this;
    }

    /** Routes that share a prefix: `$router->group('/admin', fn (Router $r) => $r->get(...))`. */
    public function group(string $prefix, callable $define): static
    {
        $inner = new self($this->prefix . $prefix);
        $define($inner);
        foreach ($inner->routes as $method => $routes) {
            $this->routes[$method] = [...$this->routes[$method] ?? [], ...$routes];
        }
        return $this;
    }

    public function dispatch(string $method, string $uri): mixed
    {
        $path = parse_url($uri, PHP_URL_PATH) ?: '/';
        foreach ($this->routes[$method] ?? [] as $route) {
            if (preg_match($route['pattern'], $path, $matches) === 1) {
                $arguments = array_filter($matches, 'is_string', ARRAY_FILTER_USE_KEY);
                return ($route['handler'])(...$arguments);
            }
        }
        http_response_code(404);
        return null;
    }
}
