// Line diff after Myers (1986), "An O(ND) difference algorithm", with the linear trace kept in full.

export type Edit =
    | { op: 'keep'; oldLine: number; newLine: number }
    | { op: 'delete'; oldLine: number }
    | { op: 'insert'; newLine: number };

export interface Hunk {
    oldStart: number;
    newStart: number;
    edits: Edit[];
}

export function diff(a: readonly string[], b: readonly string[]): Edit[] {
    const max = a.length + b.length;
    const trace: Int32Array[] = [];
    const v = new Int32Array(2 * max + 2);

    outer: for (let d = 0; d <= max; d++) {
        trace.push(v.slice());
        for (let k = -d; k <= d; k += 2) {
            const down = k === -d || (k !== d && v[max + k - 1]! < v[max + k + 1]!);
            let x = down ? v[max + k + 1]! : v[max + k - 1]! + 1;
            let y = x - k;
            while (x < a.length && y < b.length && a[x] === b[y]) {
                x++;
                y++;
            }
            v[max + k] = x;
            if (x >= a.length && y >= b.length) break outer;
        }
    }
    return backtrack(trace, a.length, b.length, max);
}

function backtrack(trace: Int32Array[], x: number, y: number, max: number): Edit[] {
    const edits: Edit[] = [];
    for (let d = trace.length - 1; d >= 0; d--) {
        const v = trace[d]!;
        const k = x - y;
        const down = k === -d || (k !== d && v[max + k - 1]! < v[max + k + 1]!);
        const previousK = down ? k + 1 : k - 1;
        const previousX = v[max + previousK]!;
        const previousY = previousX - previousK;
        while (x > previousX && y > previousY && x > 0 && y > 0) {
            x--;
            y--;
            edits.push({ op: 'keep', oldLine: x, newLine: y });
        }
        if (d === 0) break;
        if (down) edits.push({ op: 'insert', newLine: --y });
        else edits.push({ op: 'delete', oldLine: --x });
    }
    return edits.reverse();
}

/** Groups edits that lie near each other, with the unchanged lines between and some before them. */
export function hunks(edits: readonly Edit[], context = 3): Hunk[] {
    const found: Hunk[] = [];
    let lastChange = -Infinity;
    edits.forEach((edit, i) => {
        if (edit.op === 'keep') return;
        if (i - lastChange > 2 * context) {
            const from = Math.max(0, i - context);
            const before = edits.slice(0, from);
            found.push({
                oldStart: before.filter((e) => e.op !== 'insert').length + 1,
                newStart: before.filter((e) => e.op !== 'delete').length + 1,
                edits: edits.slice(from, i),
            });
        } else {
            found.at(-1)!.edits.push(...edits.slice(lastChange + 1, i));
        }
        found.at(-1)!.edits.push(edit);
        lastChange = i;
    });
    return found;
}

export function unified(a: readonly string[], b: readonly string[]): string {
    const out: string[] = [];
    for (const { oldStart, newStart, edits } of hunks(diff(a, b))) {
        const oldCount = edits.filter((e) => e.op !== 'insert').length;
        const newCount = edits.filter((e) => e.op !== 'delete').length;
        out.push(`@@ -${oldStart},${oldCount} +${newStart},${newCount} @@`);
        for (const e of edits) {
            if (e.op === 'insert') out.push(`+${b[e.newLine]}`);
            else out.push(`${e.op === 'keep' ? ' ' : '-'}${a[e.oldLine]}`);
        }
    }
    return out.join('\n');
}
