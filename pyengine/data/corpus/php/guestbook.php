<?php
// Guestbook of the rowing club. Started in 2003; please do not laugh.
// TODO: move the HTML into a template one day
session_start();
include("inc/config.php");   // gives $db_host, $db_user, $db_pass
include("inc/functions.php");

$link = mysqli_connect($db_host, $db_user, $db_pass, "club") or die("The database sleeps.");
mysqli_set_charset($link, "utf8mb4");

$per_page = 10;
$page = isset($_GET["page"]) ? max(1, intval($_GET["page"])) : 1;
$errors = array();

if ($_SERVER["REQUEST_METHOD"] == "POST") {
    $name = trim($_POST["name"]);
    $text = trim($_POST["text"]);

    if ($name == "") $errors[] = "Please tell us your name.";
    if (strlen($text) < 5) $errors[] = "That is a bit short.";
    if (substr_count(strtolower($text), "http") > 1) $errors[] = "One link is enough.";
    // people fill in $website only if they are no people: the field is hidden
    if (!empty($_POST["website"]) || $_POST["sum"] != $_SESSION["sum"]) {
        $errors[] = "Are you a robot?";
    }

    if (!$errors) {
        $stmt = mysqli_prepare($link, "INSERT INTO guestbook (name, text, ip, created) VALUES (?, ?, ?, NOW())");
        mysqli_stmt_bind_param($stmt, "sss", $name, $text, $_SERVER["REMOTE_ADDR"]);
        mysqli_stmt_execute($stmt);
        mail_webmaster("New entry by " . $name, $text);
        header("Location: guestbook.php");
        exit;
    }
}

$a = rand(1, 9);
$b = rand(1, 9);
$_SESSION["sum"] = $a + $b;

$result = mysqli_query($link, "SELECT COUNT(*) AS n FROM guestbook WHERE hidden = 0");
$row = mysqli_fetch_assoc($result);
$pages = ceil($row["n"] / $per_page);
$offset = ($page - 1) * $per_page;
$result = mysqli_query($link, "SELECT * FROM guestbook WHERE hidden = 0 ORDER BY created DESC LIMIT $offset, $per_page");
?>
<html>
<head>
  <title>Guestbook</title>
  <link rel="stylesheet" href="club.css">
</head>
<body>
<?php include("inc/menu.php"); ?>

<h1>Guestbook (<?= $row["n"] ?> entries)</h1>

<?php if ($errors): ?>
  <ul class="error">
  <?php foreach ($errors as $e) { echo "<li>$e</li>"; } ?>
  </ul>
<?php endif; ?>

<form method="post">
  <input name="name" value="<?= isset($name) ? h($name) : '' ?>"> Name<br>
  <textarea name="text" rows="5" cols="60"><?= isset($text) ? h($text) : '' ?></textarea><br>
  <input name="website" style="display:none">
  <?= "$a + $b = " ?><input name="sum" size="3">
  <input type="submit" value="Send">
</form>

<?php
while ($entry = mysqli_fetch_assoc($result)) {
    echo "<div class='entry'>";
    echo "<b>" . h($entry["name"]) . "</b> wrote on " . date("d.m.Y, H:i", strtotime($entry["created"]));
    echo "<p>" . nl2br(smileys(h($entry["text"]))) . "</p>";
    if (is_admin()) {
        echo "<a href='hide.php?id=" . $entry["id"] . "' onclick='return confirm(\"Hide?\")'>hide</a>";
    }
    echo "</div>\n";
}

for ($i = 1; $i <= $pages; $i++) {
    echo $i == $page ? " <b>$i</b> " : " <a href='?page=$i'>$i</a> ";
}
mysqli_close($link);
?>
</body>
</html>
