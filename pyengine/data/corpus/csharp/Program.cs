using System.Text.RegularExpressions;

var pattern = new Regex(@"^(?<key>\w+)\s*=\s*(?<value>.*)$", RegexOptions.Compiled);
var settings = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);

foreach (string line in File.ReadLines(args.Length > 0 ? args[0] : "app.ini"))
{
    if (string.IsNullOrWhiteSpace(line) || line.TrimStart() is ['#', ..])
    {
        continue;
    }

    Match match = pattern.Match(line);
    if (!match.Success)
    {
        Console.Error.WriteLine("cannot read: " + line);
        return 1;
    }
    settings[match.Groups["key"].Value] = match.Groups["value"].Value.Trim('"', ' ');
}

var longest = from pair in settings
              where pair.Value.Length > 8
              orderby pair.Value.Length descending, pair.Key
              select (pair.Key, Size: pair.Value.Length);

foreach (var (key, size) in longest.Take(5))
{
    Console.WriteLine($"{key,-20} {size,4:D}");
}

string[] required = ["host", "user", "log-level"];
var missing = required.Where(name => !settings.ContainsKey(name)).ToList();
if (missing.Count > 0)
{
    Console.Error.WriteLine($"missing: {string.Join(", ", missing)}");
    return 2;
}

var level = settings["log-level"].ToUpperInvariant() switch
{
    "DEBUG" or "TRACE" => 0,
    "INFO" => 1,
    "WARN" or "WARNING" => 2,
    var other => throw new FormatException($"unknown log level {other}"),
};
Console.WriteLine($"{settings["user"]}@{settings["host"]}, level {level}");

int retries = TryGet("retries", out int given) ? given : 3;
do
{
    retries--;
} while (retries > 0);
return 0;

bool TryGet(string key, out int value)
{
    value = 0;
    return settings.TryGetValue(key, out var text) && int.TryParse(text, out value);
}
