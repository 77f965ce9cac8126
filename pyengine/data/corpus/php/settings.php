<?php
/*
|--------------------------------------------------------------------------
| Settings of the ticket shop
|--------------------------------------------------------------------------
|
| Local changes belong into settings.local.php beside this file, which is
| merged over the array below and is not under version control.
|
*/

$env = static function (string $name, $default = null) {
    $value = getenv($name);
    if ($value === false) {
        return $default;
    }
    switch (strtolower($value)) {
        case 'true':
        case '(true)':
            return true;
        case 'false':
        case '(false)':
            return false;
        case 'null':
            return null;
    }
    return is_numeric($value) ? $value + 0 : $value;
};

$settings = [
    'debug'    => $env('SHOP_DEBUG', false),
    'timezone' => 'Europe/Vienna',
    'locales'  => ['de' => 'Deutsch', 'en' => 'English', 'hu' => 'Magyar'],

    'database' => [
        'dsn'     => $env('SHOP_DSN', 'mysql:host=localhost;dbname=tickets;charset=utf8mb4'),
        'user'    => $env('SHOP_DB_USER', 'tickets'),
        'pass'    => $env('SHOP_DB_PASS', ''),
        'options' => [
            PDO::ATTR_ERRMODE            => PDO::ERRMODE_EXCEPTION,
            PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_ASSOC,
            PDO::ATTR_EMULATE_PREPARES   => false,
        ],
    ],

    // How long a seat stays reserved while somebody looks for the credit card.
    'reservation' => [
        'minutes'   => 12,
        'extend_by' => 5,
        'max_seats' => 8,
    ],

    /*
     * Fees in cents. The first rule that matches wins, so order them from the special to the general.
     */
    'fees' => [
        ['category' => 'school',  'fee' => 0],
        ['price_from' => 10000,   'fee' => 450],
        ['price_from' => 2500,    'fee' => 250],
        ['fee' => 120],
    ],

    'mail' => [
        'from'      => ['tickets@example.org' => 'Theatre box office'],
        'transport' => $env('SHOP_MAIL', 'sendmail'),
        'on_error'  => static function (Throwable $e): void {
            error_log(sprintf('[mail] %s in %s:%d', $e->getMessage(), $e->getFile(), $e->getLine()));
        },
    ],

    'cache' => [
        'driver' => extension_loaded('apcu') ? 'apcu' : 'file',
        'path'   => dirname(__DIR__) . '/var/cache',
        'ttl'    => ['programme' => 15 * 60, 'seat_plan' => 24 * 60 * 60],
    ],
];

$local = __DIR__ . '/settings.local.php';
if (is_file($local)) {
    $settings = array_replace_recursive($settings, require $local);
}

if ($settings['debug'] && PHP_SAPI !== 'cli' && !in_array($_SERVER['REMOTE_ADDR'] ?? '', ['127.0.0.1', '::1'], true)) {
    throw new LogicException('debug is on for the whole world');
}

date_default_timezone_set($settings['timezone']);

return $settings;
