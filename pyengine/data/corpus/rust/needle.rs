//! `needle WORD [FILE...]` prints the lines that contain a word, like a grep with three options.

use std::env;
use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Write};
use std::process::ExitCode;

#[derive(Debug, Default)]
struct Options {
    ignore_case: bool,
    line_numbers: bool,
    invert: bool,
    word: String,
    files: Vec<String>,
}

impl Options {
    fn parse(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Options::default();
        let mut rest = Vec::new();
        let mut only_names = false;
        for arg in args {
            match arg.strip_prefix('-') {
                Some("-") if !only_names => only_names = true,
                Some(flags) if !only_names && !flags.is_empty() => {
                    for flag in flags.chars() {
                        match flag {
                            'i' => options.ignore_case = true,
                            'n' => options.line_numbers = true,
                            'v' => options.invert = true,
                            other => return Err(format!("unknown option -{other}")),
                        }
                    }
                }
                _ => rest.push(arg),
            }
        }
        let mut rest = rest.into_iter();
        options.word = rest.next().ok_or("usage: needle [-inv] WORD [FILE...]")?;
        options.files = rest.collect();
        if options.ignore_case {
            options.word = options.word.to_lowercase();
        }
        Ok(options)
    }

    fn matches(&self, line: &str) -> bool {
        let found = if self.ignore_case {
            line.to_lowercase().contains(&self.word)
        } else {
            line.contains(&self.word)
        };
        found != self.invert
    }
}

fn search(options: &Options, name: Option<&str>, input: impl BufRead, out: &mut impl Write) -> io::Result<usize> {
    let mut found = 0;
    for (number, line) in input.split(b'\n').enumerate() {
        let line = line?;
        // whatever is not UTF-8 is still searched, as well as may be
        let text = String::from_utf8_lossy(&line);
        if !options.matches(&text) {
            continue;
        }
        found += 1;
        if let Some(name) = name {
            write!(out, "{name}:")?;
        }
        if options.line_numbers {
            write!(out, "{}:", number + 1)?;
        }
        writeln!(out, "{}", text.trim_end_matches('\r'))?;
    }
    Ok(found)
}

fn run() -> Result<usize, Box<dyn Error>> {
    let options = Options::parse(env::args().skip(1))?;
    let mut out = BufWriter::new(io::stdout().lock());
    if options.files.is_empty() {
        return Ok(search(&options, None, io::stdin().lock(), &mut out)?);
    }
    let mut total = 0;
    for name in &options.files {
        match File::open(name) {
            Ok(file) => {
                let shown = (options.files.len() > 1).then_some(name.as_str());
                total += search(&options, shown, BufReader::new(file), &mut out)?;
            }
            Err(error) => eprintln!("needle: {name}: {error}"),
        }
    }
    out.flush()?;
    Ok(total)
}

fn main() -> ExitCode {
    match run() {
        Ok(0) => ExitCode::from(1),
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => match error.downcast_ref::<io::Error>() {
            Some(e) if e.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            _ => {
                eprintln!("{error}");
                ExitCode::from(2)
            }
        },
    }
}
