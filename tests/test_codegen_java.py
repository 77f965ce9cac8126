"""Java: tests in one virtual machine, the solution in another."""

from dataclasses import replace

import pytest
from codegen_samples import LIMITS

from pyengine.code.answers import Outcome
from pyengine.code.execution import Execution, execute
from pyengine.code.languages import LANGUAGES
from pyengine.code.sandbox import Limits, Sandbox
from pyengine.code.tasks import Task, own_tasks

pytestmark = pytest.mark.skipif(bool(LANGUAGES["java"].missing()), reason="no Java here")


JAVA_TESTS = """
public class Main {
    public static void main(String[] arguments) {
        List<Boolean> right = Arrays.asList(new Solution().f() == 1);
        if (right.contains(false)) { throw new AssertionError("f"); }
    }
}
"""
JAVA = "import java.util.*;\nclass Solution { int f() { return %d; } }\n"
# Classes that stand in for Java's own or the judge's; what is named differently goes together.
JAVA_CHEATS = (
    "class System { static java.io.InputStream in = java.lang.System.in;"
    " static java.io.PrintStream out = java.lang.System.out;"
    " static { try { out.println(new String(in.readAllBytes())); out.flush(); }"
    " catch (Exception e) {} Runtime.getRuntime().halt(0); } }"
    "class Arrays { static List<Boolean> asList(Boolean... all) { return List.of(); } }",
    "class Arr\\u0061ys { static List<Boolean> asList(Boolean... all) { return List.of(); } }",
)


def run(sandbox: Sandbox, code: str, tests: str) -> Execution:
    task = Task(
        name="escape",
        language="java",
        prompt="",
        entry_point="f",
        tests=tests,
        reference=JAVA % 1,
    )
    return execute(task, code, sandbox=sandbox, limits=Limits(wall_s=30.0))


def test_a_machine_that_finds_no_memory_says_so(each_sandbox: Sandbox) -> None:
    task = next(task for task in own_tasks(["java"]))
    limits = replace(LIMITS, wall_s=30.0)
    execution = execute(task, task.reference, sandbox=each_sandbox, limits=limits)
    assert execution.outcome is Outcome.MEMORY


def test_java_passes_and_fails(each_sandbox: Sandbox) -> None:
    assert run(each_sandbox, JAVA % 1, JAVA_TESTS).outcome is Outcome.PASSED
    wrong = run(each_sandbox, JAVA % 2, JAVA_TESTS)
    assert wrong.outcome is Outcome.WRONG_ANSWER
    assert wrong.detail.endswith("java.lang.AssertionError: f")


@pytest.mark.parametrize("cheat", JAVA_CHEATS)
def test_java_classes_cannot_stand_in_for_those_of_the_tests(sandbox: Sandbox, cheat: str) -> None:
    assert run(sandbox, JAVA % 2 + cheat, JAVA_TESTS).outcome is Outcome.WRONG_ANSWER


@pytest.mark.parametrize("package", ["harness", "pyengine"])
def test_java_has_no_package_that_the_judge_uses(sandbox: Sandbox, package: str) -> None:
    cheat = (
        "class Bridge { public static void main(String[] a) { System.exit(0); } }\n"
        "class Harness { public static void main(String[] a) { System.exit(0); } }\n"
        "class Main { public static void main(String[] a) { } }\n"
    )
    execution = run(sandbox, f"package {package};\n{JAVA % 2}{cheat}", JAVA_TESTS)
    assert execution.outcome is not Outcome.PASSED


JAVA_LISTS = """
public class Main {
    public static void main(String[] arguments) throws Exception {
        Solution s = new Solution();
        int[] given = {3, 1};
        Map<String, List<Integer>> wanted = Map.of("a", List.of(1, 3));
        if (!s.f(given, List.of("a")).equals(wanted)) { throw new AssertionError("f"); }
        if (given[0] != 1) { throw new AssertionError("not sorted in place"); }
        String first = s.<String>first(Optional.empty(), "x", "y");
        if (first.charAt(0) != 'x') { throw new AssertionError("first"); }
        try {
            Solution.checked(-1L);
            throw new AssertionError("checked");
        } catch (java.io.IOException expected) { }
    }
}
"""
JAVA_LISTS_RIGHT = """
import java.util.*;
public class Solution {
    public Map<String, List<Integer>> f(int[] given, List<String> names) {
        Arrays.sort(given);
        TreeMap<String, List<Integer>> found = new TreeMap<>();
        List<Integer> both = new LinkedList<>(List.of(given[0], given[1]));
        for (String name : names) { found.put(name, both); }
        return found;
    }
    @SafeVarargs final <T> T first(Optional<T> none, T... all) { return none.orElse(all[0]); }
    static double checked(long n) throws java.io.IOException {
        if (n < 0) { throw new java.io.IOException("negative"); }
        return n;
    }
}
"""
JAVA_EQUAL = "return new HashMap<>() { public boolean equals(Object o) { return true; } };"


def test_java_values_cross_and_none_decides_what_it_equals(sandbox: Sandbox) -> None:
    task = Task(
        name="lists",
        language="java",
        prompt="",
        entry_point="f",
        tests=JAVA_LISTS,
        reference=JAVA_LISTS_RIGHT,
    )
    limits = Limits(wall_s=30.0)

    def outcome(code: str) -> Outcome:
        return execute(task, code, sandbox=sandbox, limits=limits).outcome

    assert outcome(JAVA_LISTS_RIGHT) is Outcome.PASSED
    assert outcome(JAVA_LISTS_RIGHT.replace("return found;", JAVA_EQUAL)) is Outcome.WRONG_ANSWER
    assert (
        outcome(JAVA_LISTS_RIGHT.replace("negative", "").replace("new java.io.IO", "new Runtime"))
        is Outcome.EXCEPTION
    )
