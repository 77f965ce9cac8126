use std::rc::Rc;

/// Declares the instructions once, and derives the enum, the assembler and the printed names from it.
macro_rules! instructions {
    ($($name:ident $(($operand:ident: $type:ty))? = $word:literal,)*) => {
        #[derive(Debug, Clone, PartialEq)]
        pub enum Op { $($name $(($type))?,)* }

        impl Op {
            pub fn assemble(line: &str) -> Result<Op, String> {
                let mut words = line.split_whitespace();
                let op = match words.next() {
                    $(Some($word) => {
                        $(let $operand: $type = words
                            .next()
                            .ok_or_else(|| format!("{} needs an operand", $word))?
                            .parse()
                            .map_err(|e| format!("{}: {e}", $word))?;)?
                        Op::$name $(($operand))?
                    })*
                    Some(other) => return Err(format!("no instruction {other}")),
                    None => return Err("empty line".into()),
                };
                match words.next() {
                    Some(extra) => Err(format!("{extra} is too much")),
                    None => Ok(op),
                }
            }
        }
    };
}

instructions! {
    Push(n: i64) = "push",
    Pop = "pop",
    Dup = "dup",
    Swap = "swap",
    Add = "add",
    Sub = "sub",
    Mul = "mul",
    Less = "less",
    Jump(to: usize) = "jump",
    JumpIfZero(to: usize) = "jz",
    Call(to: usize) = "call",
    Return = "ret",
    Print = "print",
    Halt = "halt",
}

#[derive(Debug, PartialEq)]
pub enum Trap {
    StackUnderflow { at: usize },
    Overflow { at: usize },
    BadAddress(usize),
    OutOfFuel,
}

pub struct Machine {
    code: Rc<[Op]>,
    stack: Vec<i64>,
    calls: Vec<usize>,
    pc: usize,
    pub output: Vec<i64>,
}

impl Machine {
    pub fn new(code: Rc<[Op]>) -> Self {
        Machine { code, stack: Vec::new(), calls: Vec::new(), pc: 0, output: Vec::new() }
    }

    fn pop(&mut self) -> Result<i64, Trap> {
        self.stack.pop().ok_or(Trap::StackUnderflow { at: self.pc })
    }

    fn binary(&mut self, f: impl Fn(i64, i64) -> Option<i64>) -> Result<(), Trap> {
        let (b, a) = (self.pop()?, self.pop()?);
        self.stack.push(f(a, b).ok_or(Trap::Overflow { at: self.pc })?);
        Ok(())
    }

    /// Runs until `halt`. Fuel bounds the number of steps: programs come from players.
    pub fn run(&mut self, mut fuel: u64) -> Result<(), Trap> {
        let code = Rc::clone(&self.code);
        loop {
            fuel = fuel.checked_sub(1).ok_or(Trap::OutOfFuel)?;
            let op = code.get(self.pc).ok_or(Trap::BadAddress(self.pc))?;
            let mut next = self.pc + 1;
            match *op {
                Op::Push(n) => self.stack.push(n),
                Op::Pop => drop(self.pop()?),
                Op::Dup => {
                    let top = self.pop()?;
                    self.stack.extend([top, top]);
                }
                Op::Swap => {
                    let (b, a) = (self.pop()?, self.pop()?);
                    self.stack.extend([b, a]);
                }
                Op::Add => self.binary(i64::checked_add)?,
                Op::Sub => self.binary(i64::checked_sub)?,
                Op::Mul => self.binary(i64::checked_mul)?,
                Op::Less => self.binary(|a, b| Some(i64::from(a < b)))?,
                Op::Jump(to) => next = to,
                Op::JumpIfZero(to) => {
                    if self.pop()? == 0 {
                        next = to;
                    }
                }
                Op::Call(to) => {
                    self.calls.push(next);
                    next = to;
                }
                Op::Return => next = self.calls.pop().ok_or(Trap::StackUnderflow { at: self.pc })?,
                Op::Print => {
                    let value = self.pop()?;
                    self.output.push(value);
                }
                Op::Halt => return Ok(()),
            }
            self.pc = next;
        }
    }
}

#[test]
fn counts_down_from_three() {
    let source = "push 3\ndup\nprint\npush 1\nsub\ndup\njz 8\njump 1\nhalt";
    let code: Result<Vec<Op>, String> = source.lines().map(Op::assemble).collect();
    let mut machine = Machine::new(code.unwrap().into());
    assert_eq!(machine.run(1_000), Ok(()));
    assert_eq!(machine.output, [3, 2, 1]);
}

#[test]
fn endless_loops_end() {
    let mut machine = Machine::new(vec![Op::Jump(0)].into());
    assert_eq!(machine.run(50), Err(Trap::OutOfFuel));
}
