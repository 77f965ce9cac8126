"""Small tasks of our own in the forms in which sets are published, with answers of each kind."""

from typing import Any

# By language of HumanEval-X: imports and signature, body, tests, then wrong bodies by their kind.
ASSERTING_CPP = "#undef NDEBUG\n#include<assert.h>\nint main(){\n    assert (twice(2)==4);\n"
GO_TESTS = 'package main\n\nimport (\n    "testing"\n    "github.com/stretchr/testify/assert"\n)\n'
HUMANEVAL_X: dict[str, dict[str, Any]] = {
    "python": {
        "task_id": "Python/900",
        "declaration": "def twice(n):\n",
        "prompt": 'def twice(n):\n    """ Give the double of n. """\n',
        "canonical_solution": "    return 2 * n\n",
        "test": "def check(twice):\n    assert twice(2) == 4\n    assert twice(0) == 0\n\n"
        "check(twice)\n",
        "text": "Give the double of n.",
        "example_test": "",
    },
    "cpp": {
        "task_id": "CPP/900",
        "declaration": "#include<stdio.h>\nusing namespace std;\nint twice(int n){\n",
        "prompt": "/*\nGive the double of n.\n*/\n#include<stdio.h>\nusing namespace std;\n"
        "int twice(int n){\n",
        "canonical_solution": "    vector<int> two = {n, n};\n    return two[0] + two[1];\n}\n\n\n",
        "test": f"{ASSERTING_CPP}    assert (twice(0)==0);\n    \n}}\n",
        "example_test": "int main(){}",
    },
    "go": {
        "task_id": "Go/900",
        "declaration": "func Twice(n int) int {\n",
        "import": 'import (\n    "math"\n)\n',
        "prompt": 'import (\n    "math"\n)\n\n// Give the double of n.\nfunc Twice(n int) int {\n',
        "canonical_solution": "    return int(math.Abs(float64(2 * n)))\n}\n\n",
        "test_setup": GO_TESTS,
        "test": "func TestTwice(t *testing.T) {\n    assert := assert.New(t)\n"
        "    assert.Equal(4, Twice(2))\n    assert.Equal(0, Twice(0))\n}\n",
        "example_test": "",
    },
    "java": {
        "task_id": "Java/900",
        "declaration": "class Solution {\n    public int twice(int n) {\n",
        "prompt": "import java.util.*;\n\nclass Solution {\n    /** Give the double of n. */\n"
        "    public int twice(int n) {\n",
        "canonical_solution": "        return 2 * n;\n    }\n}",
        "test": "public class Main {\n    public static void main(String[] args) {\n"
        "        Solution s = new Solution();\n"
        "        if (s.twice(2) != 4 || s.twice(0) != 0) {\n"
        "            throw new AssertionError();\n        }\n    }\n}",
        "example_test": "",
    },
    "javascript": {
        "task_id": "JavaScript/900",
        "declaration": "\nconst twice = (n) => {\n",
        "prompt": "/* Give the double of n. */\nconst twice = (n) => {\n",
        "canonical_solution": "  return 2 * n;\n}\n\n",
        "test": "const test = () => {\n  console.assert(twice(2) === 4)\n"
        "  console.assert(twice(0) === 0)\n}\n\ntest()\n",
        "example_test": "",
    },
    "rust": {
        "task_id": "Rust/900",
        "declaration": "\nfn twice(n:i32) -> i32{\n",
        "prompt": "\nfn main(){ \n } \n/*\n Give the double of n.\n*/\nuse std::{slice::Iter, "
        "cmp::{max, self}, collections::{HashSet, HashMap}};\nuse rand::Rng;\nuse regex::Regex;\n"
        "use md5;\n\nfn twice(n:i32) -> i32{\n",
        "canonical_solution": "    return max(2 * n, 2 * n);\n}\n\n\n",
        "test": "\n#[cfg(test)]\nmod tests {\n    use super::*;\n\n    #[test]\n"
        "    fn test_twice() {\n        assert_eq!(twice(2), 4);\n"
        "        assert!(twice(0) == 0);\n    }\n\n}\n",
        "example_test": "None",
    },
}
# Bodies that are wrong, by language and kind; the outcomes that each may have.
WRONG = {
    "python": {
        "value": "    return n\n",
        "exception": "    raise ValueError('no')\n",
        "loop": "    while True:\n        pass\n",
        "syntax": "    return 2 *\n",
        "exit": "    import os\n    os._exit(0)\n",
        "prints": "    print(2 * n)\n",
    },
    "cpp": {
        "value": "    return n;\n}\n",
        "exception": "    throw 1;\n}\n",
        "loop": "    for (volatile int i = 0; ; i++);\n}\n",
        "syntax": "    return 2 * ;\n}\n",
        "exit": "    exit(0);\n}\n",
        "prints": '    printf("%d\\n", 2 * n);\n    return 0;\n}\n',
    },
    "go": {
        "value": "    return n\n}\n",
        "exception": '    panic("no")\n}\n',
        "loop": "    for { n++ }\n}\n",
        "syntax": "    return 2 *\n}\n",
        "exit": "    os.Exit(0)\n    return 0\n}\n",
        "prints": "    fmt.Println(2 * n)\n    return 0\n}\n",
    },
    "java": {
        "value": "        return n;\n    }\n}",
        "exception": "        throw new IllegalStateException();\n    }\n}",
        "loop": "        while (n == n) { }\n        return 0;\n    }\n}",
        "syntax": "        return 2 * ;\n    }\n}",
        "exit": "        System.exit(0);\n        return 0;\n    }\n}",
        "prints": "        System.out.println(2 * n);\n        return 0;\n    }\n}",
    },
    "javascript": {
        "value": "  return n;\n}\n",
        "exception": "  throw new Error('no');\n}\n",
        "loop": "  for (;;);\n}\n",
        "syntax": "  return 2 * ;\n}\n",
        "exit": "  process.exit(0);\n}\n",
        "prints": "  console.log(2 * n);\n}\n",
    },
    "rust": {
        "value": "    return n;\n}\n",
        "exception": '    panic!("no");\n}\n',
        "loop": "    loop { std::hint::black_box(n); }\n}\n",
        "syntax": "    return 2 * ;\n}\n",
        "exit": "    std::process::exit(0);\n}\n",
        "prints": '    println!("{}", 2 * n);\n    return 0;\n}\n',
    },
}
KINDS = {
    "value": {"wrong-answer"},
    "exception": {"exception"},
    "loop": {"timed-out"},
    "syntax": {"syntax-error"},
    "exit": {"exception"},
    "prints": {"wrong-answer"},
    "nothing": {"no-code"},
}
# By language of MultiPL-E: a task without a solution, and the solution.
MULTIPL_E: dict[str, tuple[dict[str, Any], str]] = {
    "cpp": (
        {
            "prompt": "#include<assert.h>\n#include<bits/stdc++.h>\n// Give the double of n.\n"
            "long twice(long n) {\n",
            "tests": "}\nint main() {\n    auto candidate = twice;\n"
            "    assert(candidate((2)) == (4));\n    assert(candidate((0)) == (0));\n}\n",
            "stop_tokens": ["\n}"],
        },
        "    return 2 * n;\n}\n",
    ),
    "go_test.go": (
        {
            "prompt": 'package twice_test\n\nimport (\n    "testing"\n    "fmt"\n)\n\n'
            "// Give the double of n.\nfunc twice(n int) int {\n",
            "tests": "func TestTwice(t *testing.T) {\n  candidate := twice\n\ttype test struct {\n"
            "\t\tactual   interface{}\n\t\texpected interface{}\n\t}\n   tests := []test{\n"
            "     { actual: candidate(2), expected: 4 },\n   }\n\n\tfor i, tc := range tests {\n"
            '\t\tt.Run(fmt.Sprintf("test num % d", i), func(t *testing.T) {\n'
            '\t\t\tif fmt.Sprintf("%v", tc.actual) != fmt.Sprintf("%v", tc.expected) {\n'
            "\t\t\t\tt.Errorf(\"expected '%s', got '%s'\", tc.expected, tc.actual)\n"
            "\t\t\t}\n\t\t})\n\t}\n}\n",
            "stop_tokens": ["\nfunc", "struct", "\n// "],
        },
        "    return 2 * n\n}\n",
    ),
    "java": (
        {
            "prompt": "import java.util.*;\nimport org.javatuples.*;\nclass Problem {\n"
            "    // Give the double of n.\n    public static long twice(long n) {\n",
            "tests": "    }\n    public static void main(String[] args) {\n"
            "    assert(twice((2l)) == (4l));\n    assert(twice((0l)) == (0l));\n    }\n\n}\n",
            "stop_tokens": ["\n    }\n"],
        },
        "        return 2 * n;\n    }\n}\n",
    ),
    "js": (
        {
            "prompt": "//Give the double of n.\nfunction twice(n){\n",
            "tests": "const assert = require('node:assert');\n\n\nfunction test() {\n"
            "  let candidate = twice;\n  assert.deepEqual(candidate(2),4);\n"
            "  assert.deepEqual(candidate(0),0);\n}\n\ntest();",
            "stop_tokens": ["\nfunction ", "\n/*", "\n//", "\nconsole.log"],
        },
        "    return 2 * n;\n}\n",
    ),
    "py": (
        {
            "prompt": 'def twice(n: int) -> int:\n    """ Give the double of n. """\n',
            "tests": "def check(candidate):\n    assert candidate(2) == 4\n\ndef test_check():\n"
            "    check(twice)\n\ntest_check()\n",
            "stop_tokens": ["\ndef", "\n#", "\nif", "\nclass"],
        },
        "    return 2 * n\n",
    ),
    "rs": (
        {
            "prompt": "/// Give the double of n.\nfn twice(n: isize) -> isize {\n",
            "tests": "}\n\nfn main() {\n    let candidate = twice;\n"
            "    assert_eq!(candidate(2), 4);\n    assert_eq!(candidate(0), 0);\n}\n",
            "stop_tokens": ["\n}"],
        },
        "    2 * n\n}\n",
    ),
}


def multipl_e(title: str) -> dict[str, Any]:
    """Return a task of MultiPL-E with all its fields."""
    return {
        "name": "HumanEval_900_twice",
        "language": title,
        "doctests": "transform",
        "original": "/somewhere/HumanEval_900_twice.py",
        "prompt_terminology": "reworded",
        **MULTIPL_E[title][0],
    }


BIGCODEBENCH: dict[str, Any] = {
    "task_id": "BigCodeBench/9000",
    "complete_prompt": 'import json\nimport numpy as np\n\ndef task_func(values):\n    """\n'
    '    Give the mean of values as an array, and write it to mean.json.\n    """\n',
    "instruct_prompt": "Give the mean of values as an array, and write it to mean.json.\n"
    "You should write self-contained code starting with:\n```\nimport json\n"
    "import numpy as np\ndef task_func(values):\n```",
    "canonical_solution": "    found = np.array([np.mean(values)])\n"
    "    with open('mean.json', 'w') as file:\n        json.dump(list(found), file)\n"
    "    return found",
    "code_prompt": "import json\nimport numpy as np\ndef task_func(values):\n",
    "test": "import unittest\nfrom unittest.mock import patch\nimport numpy as np\n"
    "class TestCases(unittest.TestCase):\n    def test_value(self):\n"
    "        found = task_func([1, 2, 3])\n        self.assertIsInstance(found, np.ndarray)\n"
    "        self.assertEqual(found.shape, (1,))\n    def test_written(self):\n"
    "        with patch('json.dump') as dump:\n            task_func([1.0])\n"
    "        dump.assert_called_once()\n",
    "entry_point": "task_func",
    "doc_struct": '{"description": ["Give the mean"]}',
    "libs": "['json', 'numpy']",
}
HUMANEVAL_PLUS: dict[str, Any] = {
    "task_id": "HumanEval/901",
    "prompt": 'def half(n: float) -> float:\n    """ Give half of n. """\n',
    "contract": "\n    assert isinstance(n, float)\n",
    "entry_point": "half",
    "canonical_solution": "    return n / 2\n",
    "base_input": [[1.0], [0.5]],
    "plus_input": [[1e300], [-3.0]],
    "atol": 0,
}
MBPP_PLUS: dict[str, Any] = {
    "task_id": 905,
    "code": "def add_two(a, b):\n  return a + b",
    "prompt": "Write a function to add two numbers.",
    "source_file": "somewhere",
    "test_imports": ["import math"],
    "test_list": ["assert add_two(1, 2) == 3"],
    "test": "import numpy as np\n\ninputs = [[1, 2], [0.1, 0.2]]\nresults = [3, 0.3]\n"
    "for inp, exp in zip(inputs, results):\n"
    "    assert math.isfinite(exp) and np.allclose(add_two(*inp), exp, rtol=1e-07, atol=1e-6)\n",
}
