//! Reading facts out of C++ sources without a compiler.
//!
//! The engine keeps its facts in X-macro lists, enumerations, named constants and bit field declarations. A small
//! preprocessor (conditions, object- and function-like macros, token pasting; no includes) turns a file into plain
//! declarations for one build configuration; the rest are searches in that text. Nothing here guesses: a
//! declaration that is missing or has an unexpected form is an error that names it.

use std::collections::BTreeMap;
use std::fmt;

/// A fact that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CppError(pub String);

impl fmt::Display for CppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CppError {}

type Result<T> = std::result::Result<T, CppError>;

fn fail<T>(message: impl Into<String>) -> Result<T> {
    Err(CppError(message.into()))
}

#[derive(Debug, Clone)]
struct Macro {
    /// `None` for object-like macros.
    parameters: Option<Vec<String>>,
    body: String,
}

/// A file after preprocessing for one configuration.
#[derive(Debug, Clone)]
pub struct Source {
    name: String,
    /// Active lines without comments, macros not expanded.
    pub active: String,
    /// Active lines without comments, macros expanded.
    pub text: String,
    macros: BTreeMap<String, Macro>,
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Joins continued lines and removes comments.
fn clean(text: &str) -> String {
    let joined = text.replace("\r\n", "\n").replace("\\\n", " ");
    let mut out = String::with_capacity(joined.len());
    let mut chars = joined.chars().peekable();
    let mut previous = ' ';
    while let Some(c) = chars.next() {
        match c {
            '/' if chars.peek() == Some(&'/') => {
                while chars.peek().is_some_and(|&c| c != '\n') {
                    chars.next();
                }
            }
            '/' if chars.peek() == Some(&'*') => {
                chars.next();
                let mut last = ' ';
                for c in chars.by_ref() {
                    if last == '*' && c == '/' {
                        break;
                    }
                    last = c;
                }
                out.push(' ');
            }
            '"' | '\'' if c == '"' || !is_word(previous) => {
                out.push(c);
                while let Some(inner) = chars.next() {
                    out.push(inner);
                    match inner {
                        '\\' => out.extend(chars.next()),
                        inner if inner == c || inner == '\n' => break,
                        _ => {}
                    }
                }
            }
            c => out.push(c),
        }
        previous = c;
    }
    out
}

/// The part of `text` up to the bracket that closes the one `text` starts with, without either.
fn bracketed(text: &str) -> Option<&str> {
    let open = text.chars().next()?;
    let close = match open {
        '(' => ')',
        '{' => '}',
        '[' => ']',
        _ => return None,
    };
    let mut depth = 0usize;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if c == '"' {
            while let Some((_, inner)) = chars.next() {
                match inner {
                    '\\' => {
                        chars.next();
                    }
                    '"' => break,
                    _ => {}
                }
            }
        } else if c == open {
            depth += 1;
        } else if c == close {
            depth -= 1;
            if depth == 0 {
                return Some(&text[1..at]);
            }
        }
    }
    None
}

/// Splits at commas outside brackets and strings. An empty text has no parts.
pub fn split_arguments(text: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut depth = 0i32;
    let mut quoted = false;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => quoted = !quoted,
            '\\' if quoted => {
                out.last_mut().expect("never empty").push(c);
                out.last_mut().expect("never empty").extend(chars.next());
                continue;
            }
            '(' | '{' if !quoted => depth += 1,
            ')' | '}' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                out.push(String::new());
                continue;
            }
            _ => {}
        }
        out.last_mut().expect("never empty").push(c);
    }
    let out: Vec<String> = out.into_iter().map(|part| part.trim().to_owned()).collect();
    if out.len() == 1 && out[0].is_empty() { Vec::new() } else { out }
}

/// The next identifier at or after `from`: its range.
fn next_word(text: &str, from: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut at = from;
    while at < bytes.len() {
        let c = bytes[at] as char;
        if c == '"' {
            at += 1;
            while at < bytes.len() && bytes[at] != b'"' {
                at += if bytes[at] == b'\\' { 2 } else { 1 };
            }
            at += 1;
        } else if c.is_ascii_digit() {
            while at < bytes.len() && is_word(bytes[at] as char) {
                at += 1;
            }
        } else if is_word(c) {
            let start = at;
            while at < bytes.len() && is_word(bytes[at] as char) {
                at += 1;
            }
            return Some((start, at));
        } else {
            at += 1;
        }
    }
    None
}

fn substitute(body: &str, parameters: &[String], arguments: &[String]) -> String {
    let mut out = String::with_capacity(body.len());
    let mut at = 0;
    while let Some((start, end)) = next_word(body, at) {
        out.push_str(&body[at..start]);
        let word = &body[start..end];
        let stringize = out.ends_with('#') && !out.ends_with("##");
        match parameters.iter().position(|parameter| parameter == word) {
            Some(index) if stringize => {
                out.pop();
                out.push('"');
                out.push_str(&arguments[index]);
                out.push('"');
            }
            Some(index) => out.push_str(&arguments[index]),
            None => out.push_str(word),
        }
        at = end;
    }
    out.push_str(&body[at..]);
    // Token pasting: drop the operator and the blanks around it.
    let mut pasted = String::with_capacity(out.len());
    let mut parts = out.split("##");
    pasted.push_str(parts.next().unwrap_or_default());
    for part in parts {
        pasted.truncate(pasted.trim_end().len());
        pasted.push_str(part.trim_start());
    }
    pasted
}

fn expand(text: &str, macros: &BTreeMap<String, Macro>, hidden: &mut Vec<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some((start, end)) = next_word(text, at) {
        out.push_str(&text[at..start]);
        at = end;
        let word = &text[start..end];
        let definition = macros.get(word).filter(|_| !hidden.iter().any(|name| name == word));
        let Some(definition) = definition else {
            out.push_str(word);
            continue;
        };
        let body = match &definition.parameters {
            None => definition.body.clone(),
            Some(parameters) => {
                let open = end + (text[end..].len() - text[end..].trim_start().len());
                let Some(inner) = text[open..].starts_with('(').then(|| bracketed(&text[open..])).flatten()
                else {
                    out.push_str(word);
                    continue;
                };
                let mut arguments = split_arguments(inner);
                let variadic = parameters.last().is_some_and(|last| last == "...");
                if variadic {
                    let rest = arguments.split_off(arguments.len().min(parameters.len() - 1));
                    arguments.push(rest.join(", "));
                }
                while arguments.len() < parameters.len() {
                    arguments.push(String::new());
                }
                at = open + inner.len() + 2;
                let names: Vec<String> = parameters
                    .iter()
                    .map(|name| if name == "..." { "__VA_ARGS__".to_owned() } else { name.clone() })
                    .collect();
                substitute(&definition.body, &names, &arguments)
            }
        };
        hidden.push(word.to_owned());
        out.push_str(&expand(&body, macros, hidden));
        hidden.pop();
    }
    out.push_str(&text[at..]);
    out
}

/// Evaluates the condition of an `#if`: unknown names are 0.
fn condition(text: &str, defined: &dyn Fn(&str) -> bool) -> Result<bool> {
    let mut rewritten = String::new();
    let mut at = 0;
    while let Some((start, end)) = next_word(text, at) {
        rewritten.push_str(&text[at..start]);
        at = end;
        if &text[start..end] == "defined" {
            let rest = text[end..].trim_start();
            let parenthesized = rest.starts_with('(');
            let Some((from, to)) = next_word(text, end) else { return fail(format!("condition {text}")) };
            rewritten.push_str(if defined(&text[from..to]) { "1" } else { "0" });
            at = if parenthesized { to + text[to..].find(')').map_or(0, |i| i + 1) } else { to };
        } else {
            rewritten.push_str(if defined(&text[start..end]) { "1" } else { "0" });
        }
    }
    rewritten.push_str(&text[at..]);
    Ok(evaluate(&rewritten, &mut |_| None)? != 0)
}

impl Source {
    /// Preprocesses `text`. `defines` are the macros set on the compiler's command line; macros of `included`
    /// sources are visible.
    pub fn new(name: &str, text: &str, defines: &[&str], included: &[&Source]) -> Result<Source> {
        let mut macros = BTreeMap::new();
        for source in included {
            macros.extend(source.macros.clone());
        }
        let mut source = Source { name: name.to_owned(), active: String::new(), text: String::new(), macros };
        // Per open condition: whether this branch is active, whether a branch was taken, whether the
        // surrounding text is active.
        let mut conditions: Vec<(bool, bool, bool)> = Vec::new();
        let mut pending = String::new();
        for line in clean(text).lines() {
            let active = conditions.last().is_none_or(|top| top.0);
            let Some(directive) = line.trim_start().strip_prefix('#') else {
                if active {
                    pending.push_str(line);
                    pending.push('\n');
                }
                continue;
            };
            let directive = directive.trim_start();
            let (keyword, rest) =
                directive.split_at(directive.find(|c| !is_word(c)).unwrap_or(directive.len()));
            let rest = rest.trim();
            let is_defined = |name: &str| defines.contains(&name) || source.macros.contains_key(name);
            match keyword {
                "if" | "ifdef" | "ifndef" => {
                    let holds = active
                        && match keyword {
                            "ifdef" => is_defined(rest),
                            "ifndef" => !is_defined(rest),
                            _ => condition(rest, &is_defined)?,
                        };
                    conditions.push((holds, holds, active));
                }
                "elif" => {
                    let Some(top) = conditions.pop() else { return fail(format!("{name}: stray #elif")) };
                    let holds = top.2 && !top.1 && condition(rest, &is_defined)?;
                    conditions.push((holds, top.1 || holds, top.2));
                }
                "else" => {
                    let Some(top) = conditions.last_mut() else {
                        return fail(format!("{name}: stray #else"));
                    };
                    top.0 = top.2 && !top.1;
                    top.1 = true;
                }
                "endif" => {
                    conditions.pop();
                }
                "define" if active => {
                    source.flush(&mut pending);
                    source.define(rest);
                }
                "undef" if active => {
                    source.flush(&mut pending);
                    source.macros.remove(rest);
                }
                _ => {}
            }
        }
        source.flush(&mut pending);
        Ok(source)
    }

    fn flush(&mut self, pending: &mut String) {
        let expanded = expand(pending, &self.macros, &mut Vec::new());
        self.text.push_str(&expanded);
        self.active.push_str(pending);
        pending.clear();
    }

    fn define(&mut self, rest: &str) {
        let name_end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (name, tail) = rest.split_at(name_end);
        let (parameters, body) = match tail.starts_with('(').then(|| bracketed(tail)).flatten() {
            Some(inner) => (Some(split_arguments(inner)), &tail[inner.len() + 2..]),
            None => (None, tail),
        };
        self.macros.insert(name.to_owned(), Macro { parameters, body: body.trim().to_owned() });
    }

    /// The entries of an X-macro list: the arguments of each invocation of the list's parameter.
    pub fn list(&self, name: &str) -> Result<Vec<Vec<String>>> {
        Ok(self.list_calls(name)?.into_iter().map(|(_, arguments)| arguments).collect())
    }

    /// Like [`Source::list`] for lists with several parameters: also which parameter an entry invokes.
    pub fn list_calls(&self, name: &str) -> Result<Vec<(String, Vec<String>)>> {
        let Some(parameters) = self.macros.get(name).and_then(|m| m.parameters.clone()) else {
            return fail(format!("{}: no list {name}", self.name));
        };
        let call = format!("{name}({})", parameters.join(", "));
        let mut hidden = parameters.clone();
        let expanded = expand(&call, &self.macros, &mut hidden);
        let mut out = Vec::new();
        let mut at = 0;
        while let Some((start, end)) = next_word(&expanded, at) {
            let word = &expanded[start..end];
            let rest = expanded[end..].trim_start();
            let Some(inner) = rest.starts_with('(').then(|| bracketed(rest)).flatten() else {
                return fail(format!("{}: list {name} contains {word}", self.name));
            };
            if !parameters.iter().any(|parameter| parameter == word) {
                return fail(format!("{}: list {name} invokes {word}", self.name));
            }
            out.push((word.to_owned(), split_arguments(inner)));
            at = expanded.len() - rest.len() + inner.len() + 2;
        }
        if out.is_empty() { fail(format!("{}: list {name} is empty", self.name)) } else { Ok(out) }
    }

    /// The body of a class or struct, with macros expanded, and its base class if it has one.
    pub fn class(&self, name: &str) -> Result<Class<'_>> {
        for keyword in ["class ", "struct "] {
            let mut at = 0;
            while let Some(found) = self.text[at..].find(keyword) {
                let start = at + found + keyword.len();
                at = start;
                let rest = &self.text[start..];
                let Some(tail) = rest.strip_prefix("alignas(8) ").unwrap_or(rest).strip_prefix(name) else {
                    continue;
                };
                let Some(brace) = tail.find(['{', ';', '(']) else { continue };
                let heading = tail[..brace].trim();
                if !tail[brace..].starts_with('{') || !(heading.is_empty() || heading.starts_with(':')) {
                    continue;
                }
                let base = heading.rsplit([' ', ':']).next().filter(|base| !base.is_empty());
                let Some(body) = bracketed(&tail[brace..]) else {
                    return fail(format!("{}: class {name} has no end", self.name));
                };
                return Ok(Class { name: name.to_owned(), base, body });
            }
        }
        fail(format!("{}: no class {name}", self.name))
    }

    /// The body of the first function or initializer after `heading` (a literal piece of the file).
    pub fn block(&self, heading: &str) -> Result<&str> {
        let found = self.text.find(heading).and_then(|at| {
            let rest = &self.text[at..];
            bracketed(&rest[rest.find('{')?..])
        });
        found.map_or_else(|| fail(format!("{}: no {heading}", self.name)), Ok)
    }

    /// The whole file as a scope for constants and enumerations.
    pub fn scope(&self) -> Class<'_> {
        Class { name: self.name.clone(), base: None, body: &self.text }
    }
}

/// A class body, or a whole file, in which names are looked up.
#[derive(Debug, Clone)]
pub struct Class<'a> {
    name: String,
    /// Name of the base class.
    pub base: Option<&'a str>,
    /// Text between the braces.
    pub body: &'a str,
}

/// Position and size of a bit field.
pub type Bits = (u32, u32);

impl<'a> Class<'a> {
    /// The enumerators of an enumeration with their values. An anonymous one is found by its first enumerator.
    pub fn enumeration(&self, name: &str) -> Result<Vec<(String, i64)>> {
        let mut at = 0;
        while let Some(found) = self.body[at..].find("enum ") {
            let rest = &self.body[at + found + "enum ".len()..];
            at += found + 1;
            let Some(brace) = rest.find('{') else { break };
            let heading = rest[..brace].trim().trim_start_matches("class ");
            if heading.contains(';') {
                continue;
            }
            let own_name = heading.split(':').next().unwrap_or_default().trim();
            let Some(body) = bracketed(&rest[brace..]) else { continue };
            let first = body.trim_start();
            let first_is_name =
                own_name.is_empty() && first.strip_prefix(name).is_some_and(|t| !t.starts_with(is_word));
            if own_name != name && !first_is_name {
                continue;
            }
            return self.enumerators(name, body);
        }
        fail(format!("{}: no enumeration {name}", self.name))
    }

    fn enumerators(&self, name: &str, body: &str) -> Result<Vec<(String, i64)>> {
        let mut out: Vec<(String, i64)> = Vec::new();
        for part in split_arguments(body) {
            if part.is_empty() {
                continue;
            }
            let (enumerator, value) = match part.split_once('=') {
                Some((enumerator, expression)) => {
                    let known = out.clone();
                    let value = evaluate(expression, &mut |name| {
                        let short = name.rsplit("::").next().unwrap_or(name);
                        let found = known.iter().find(|pair| pair.0 == short).map(|pair| pair.1);
                        found.or_else(|| self.constant(short).ok())
                    });
                    (enumerator.trim(), value.map_err(|e| CppError(format!("{name}: {e}")))?)
                }
                None => (part.as_str(), out.last().map_or(0, |last| last.1 + 1)),
            };
            out.push((enumerator.to_owned(), value));
        }
        Ok(out)
    }

    /// The value of a constant: `kName = expression;`, or an enumerator.
    pub fn constant(&self, name: &str) -> Result<i64> {
        self.constant_with(name, &mut |_| None)
    }

    /// Like [`Class::constant`]; names that are not in this scope are looked up with `outer`.
    pub fn constant_with(&self, name: &str, outer: &mut dyn FnMut(&str) -> Option<i64>) -> Result<i64> {
        let mut at = 0;
        while let Some(found) = self.body[at..].find(name) {
            let start = at + found;
            let end = start + name.len();
            at = end;
            if self.body[..start].ends_with(is_word) || self.body[end..].starts_with(is_word) {
                continue;
            }
            let rest = self.body[end..].trim_start();
            let Some(rest) = rest.strip_prefix('=').filter(|rest| !rest.starts_with('=')) else { continue };
            let stop = rest.find([';', ',', '}']).unwrap_or(rest.len());
            let expression = rest[..stop].trim();
            return evaluate(expression, &mut |inner| {
                let short = inner.rsplit("::").next().unwrap_or(inner);
                if short == name {
                    // An enumerator that is defined by one of the same name in another enumeration.
                    return self.enumerator(short);
                }
                builtin(short).or_else(|| outer(inner)).or_else(|| self.constant_with(short, outer).ok())
            })
            .map_err(|e| CppError(format!("{}: {name}: {e}", self.name)));
        }
        self.enumerator(name).map_or_else(|| fail(format!("{}: no constant {name}", self.name)), Ok)
    }

    fn enumerator(&self, name: &str) -> Option<i64> {
        let mut at = 0;
        while let Some(found) = self.body[at..].find("enum ") {
            let rest = &self.body[at + found..];
            at += found + 1;
            let Some(brace) = rest.find('{') else { break };
            if rest[..brace].contains(';') {
                continue;
            }
            let Some(body) = bracketed(&rest[brace..]) else { continue };
            let mut value = -1;
            for part in split_arguments(body) {
                let (enumerator, expression) = match part.split_once('=') {
                    Some((enumerator, expression)) => (enumerator.trim(), Some(expression)),
                    None => (part.as_str(), None),
                };
                value = match expression {
                    None => value + 1,
                    Some(expression) => match evaluate(expression, &mut |_| None) {
                        Ok(value) => value,
                        Err(_) => break,
                    },
                };
                if enumerator == name {
                    return Some(value);
                }
            }
        }
        None
    }

    /// The bit fields declared in this class, in order. `container` is the width of the packed word; `outer`
    /// resolves names of other classes. Fields that depend on names nobody knows are left out.
    pub fn bit_fields(
        &self,
        container: u32,
        outer: &mut dyn FnMut(&str) -> Option<i64>,
    ) -> Result<Vec<(String, Bits)>> {
        let mut out: Vec<(String, Bits)> = Vec::new();
        let mut at = 0;
        while let Some(found) = self.body[at..].find("using ") {
            let rest = &self.body[at + found + "using ".len()..];
            at += found + 1;
            let Some(end) = rest.find(';') else { break };
            let Some((name, declaration)) = rest[..end].split_once('=') else { continue };
            let declaration = declaration.trim();
            let Some(arguments) = declaration
                .strip_prefix("BitField<")
                .or_else(|| declaration.strip_prefix("SignedBitField<"))
                .and_then(|tail| tail.strip_suffix('>'))
            else {
                continue;
            };
            let arguments = split_arguments(arguments);
            let Some(value_type) = arguments.get(1) else {
                return fail(format!("{}: bit field {name} has no type", self.name));
            };
            let known = out.clone();
            let mut lookup = |inner: &str| -> Option<i64> {
                if let Some((field, "kNextBit")) = inner.rsplit_once("::") {
                    let field = field.rsplit("::").next().unwrap_or(field);
                    if let Some(found) = known.iter().find(|f| f.0 == field) {
                        return Some(i64::from(found.1.0 + found.1.1));
                    }
                }
                let part = inner.strip_suffix("::shift()").map(|field| (field, true));
                let part = part.or_else(|| inner.strip_suffix("::bitsize()").map(|field| (field, false)));
                if let Some((field, shift)) = part
                    && let Some(found) = known.iter().find(|f| f.0 == field)
                {
                    return Some(i64::from(if shift { found.1.0 } else { found.1.1 }));
                }
                let short = inner.rsplit("::").next().unwrap_or(inner);
                builtin(short).or_else(|| outer(inner)).or_else(|| self.constant(short).ok())
            };
            let position = match arguments.get(2) {
                Some(expression) => match evaluate(expression, &mut lookup) {
                    Ok(position) => position as u32,
                    Err(_) => continue,
                },
                None => 0,
            };
            let signed = matches!(value_type.as_str(), "int8_t" | "int32_t" | "int64_t" | "intptr_t");
            let width = match value_type.as_str() {
                "bool" => 1,
                "int8_t" | "uint8_t" => 8,
                "uint16_t" => 16,
                "int32_t" | "uint32_t" | "ClassIdTagType" => 32,
                _ => 64,
            };
            let requested = match arguments.get(3) {
                Some(expression) => match evaluate(expression, &mut lookup) {
                    Ok(size) => size as u32,
                    Err(_) => continue,
                },
                None => width.min(container - position),
            };
            let size = if signed && width <= requested { width - 1 } else { requested };
            out.push((name.trim().to_owned(), (position, size)));
        }
        Ok(out)
    }
}

fn builtin(name: &str) -> Option<i64> {
    Some(match name {
        "KB" => 1024,
        "MB" => 1024 * 1024,
        "kBitsPerInt8" | "kBitsPerByte" => 8,
        "kBitsPerInt32" => 32,
        "kBitsPerInt64" => 64,
        _ => return None,
    })
}

/// Evaluates an integer expression. `lookup` resolves qualified names; a call without arguments is looked up
/// with its parentheses (`Type::bitsize()`).
pub fn evaluate(text: &str, lookup: &mut dyn FnMut(&str) -> Option<i64>) -> Result<i64> {
    let mut parser = Parser { text, at: 0, lookup };
    let value = parser.binary(0)?;
    parser.blanks();
    if parser.at == text.len() { Ok(value) } else { fail(format!("cannot evaluate '{}'", text.trim())) }
}

struct Parser<'a, 'b> {
    text: &'a str,
    at: usize,
    lookup: &'b mut dyn FnMut(&str) -> Option<i64>,
}

const OPERATORS: [&[&str]; 8] =
    [&["||"], &["&&"], &["|"], &["&"], &["==", "!="], &["<<", ">>"], &["+", "-"], &["*", "/"]];

impl<'a> Parser<'a, '_> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn eat(&mut self, token: &str) -> bool {
        self.blanks();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn binary(&mut self, level: usize) -> Result<i64> {
        let Some(operators) = OPERATORS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        'next: loop {
            self.blanks();
            for operator in *operators {
                let longer = matches!(*operator, "|" | "&")
                    && self.rest().get(1..2).is_some_and(|next| next == *operator);
                if longer || !self.rest().starts_with(operator) {
                    continue;
                }
                self.at += operator.len();
                let right = self.binary(level + 1)?;
                left = match *operator {
                    "||" => i64::from(left != 0 || right != 0),
                    "&&" => i64::from(left != 0 && right != 0),
                    "|" => left | right,
                    "&" => left & right,
                    "==" => i64::from(left == right),
                    "!=" => i64::from(left != right),
                    "<<" => left << right,
                    ">>" => left >> right,
                    "+" => left + right,
                    "-" => left - right,
                    "*" => left * right,
                    _ if right == 0 => return fail("division by zero"),
                    _ => left / right,
                };
                continue 'next;
            }
            return Ok(left);
        }
    }

    fn unary(&mut self) -> Result<i64> {
        if self.eat("-") {
            return Ok(-self.unary()?);
        }
        if self.eat("~") {
            return Ok(!self.unary()?);
        }
        if self.eat("!") {
            return Ok(i64::from(self.unary()? == 0));
        }
        if self.eat("(") {
            let value = self.binary(0)?;
            return if self.eat(")") { Ok(value) } else { self.wrong() };
        }
        self.blanks();
        let word = self.rest();
        let end = word.find(|c| !is_word(c)).unwrap_or(word.len());
        if end == 0 {
            return self.wrong();
        }
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            self.at += end;
            let digits = word[..end].trim_end_matches(['u', 'U', 'l', 'L']);
            let value = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
                Some(hex) => u64::from_str_radix(hex, 16),
                None => digits.parse(),
            };
            return value.map(u64::cast_signed).or_else(|_| self.wrong());
        }
        self.name()
    }

    fn name(&mut self) -> Result<i64> {
        let start = self.at;
        let mut template = None;
        loop {
            let rest = self.rest();
            self.at += rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            if self.rest().starts_with("::") {
                self.at += 2;
            } else if self.rest().starts_with('<') && !self.rest().starts_with("<<") {
                let Some(close) = self.rest().find('>') else { return self.wrong() };
                template = Some(self.at - start);
                self.at += close + 1;
            } else {
                break;
            }
        }
        let name = &self.text[start..template.map_or(self.at, |length| start + length)];
        if !self.rest().starts_with('(') {
            return (self.lookup)(name).map_or_else(|| fail(format!("unknown name {name}")), Ok);
        }
        let Some(inner) = bracketed(self.rest()) else { return self.wrong() };
        self.at += inner.len() + 2;
        let short = name.rsplit("::").next().unwrap_or(name);
        match short {
            "BitLength" => {
                let value = evaluate(inner, self.lookup)?;
                Ok(i64::from(64 - value.leading_zeros()))
            }
            "ShiftForPowerOfTwo" => Ok(i64::from(evaluate(inner, self.lookup)?.trailing_zeros())),
            "static_cast" => evaluate(inner, self.lookup),
            _ if inner.trim().is_empty() => {
                let call = format!("{name}()");
                (self.lookup)(&call).map_or_else(|| fail(format!("unknown name {call}")), Ok)
            }
            _ => fail(format!("unknown function {name}")),
        }
    }

    fn wrong<T>(&self) -> Result<T> {
        fail(format!("cannot evaluate '{}'", self.text.trim()))
    }
}

/// The text of a C string literal, or of several adjacent ones.
pub fn string_literal(text: &str) -> Result<String> {
    let mut out = String::new();
    let mut chars = text.trim().chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => loop {
                match chars.next() {
                    Some('"') => break,
                    Some('\\') => out.push(match chars.next() {
                        Some('n') => '\n',
                        Some('t') => '\t',
                        Some('r') => '\r',
                        Some(c @ ('"' | '\\' | '\'')) => c,
                        _ => return fail(format!("unknown escape in {text}")),
                    }),
                    Some(c) => out.push(c),
                    None => return fail(format!("unterminated string {text}")),
                }
            },
            c if c.is_whitespace() => {}
            _ => return fail(format!("not a string literal: {text}")),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::new("test.h", text, &["ARCH_A"], &[]).unwrap()
    }

    #[test]
    fn lists_expand_nested_lists_and_pasted_names() {
        let s = source(
            "#define INNER(V) \\\n  V(A) /* one */ \\\n  V(B, \"x, \\\"y\")\n\
             #define PASTE(n) W(k##n##Cid)\n\
             #define OUTER(V) V(Z) INNER(V)\n\
             #define W(x) x,\n\
             enum Id : int { INNER(PASTE) kCount };\n",
        );
        assert_eq!(s.list("OUTER").unwrap(), [vec!["Z"], vec!["A"], vec!["B", "\"x, \\\"y\""]]);
        let ids = s.scope().enumeration("Id").unwrap();
        assert_eq!(ids, [("kACid".into(), 0), ("kBCid".into(), 1), ("kCount".into(), 2)]);
    }

    #[test]
    fn conditions_select_branches() {
        let s = source(
            "#if defined(ARCH_B)\nint kX = 1;\n#elif defined(ARCH_A) && !defined(ARCH_B)\nint kX = 4 * KB;\n\
             #else\nint kX = 3;\n#endif\nint kY = -(kX >> 1) | 0x1L;\n",
        );
        assert_eq!(s.scope().constant("kX").unwrap(), 4096);
        assert_eq!(s.scope().constant("kY").unwrap(), -2048 | 1);
        assert!(s.scope().constant("kZ").is_err());
    }

    #[test]
    fn bit_fields_follow_each_other() {
        let s = source(
            "class C : public Base {\n static constexpr int kSize = Utils::BitLength(5);\n\
             using A = BitField<decltype(f_), bool>;\n using B = BitField<uint32_t, Kind, A::kNextBit, kSize>;\n\
             using D = BitField<uint32_t, uint8_t, B::kNextBit>;\n using E = BitField<uint32_t, intptr_t, D::kNextBit>;\n};",
        );
        let class = s.class("C").unwrap();
        assert_eq!(class.base, Some("Base"));
        let fields = class.bit_fields(32, &mut |_| None).unwrap();
        let expected = [("A", (0, 1)), ("B", (1, 3)), ("D", (4, 8)), ("E", (12, 20))];
        assert_eq!(fields, expected.map(|(name, bits)| (name.to_owned(), bits)));
    }

    #[test]
    fn literals_are_decoded() {
        assert_eq!(string_literal("\"a\\n\" \"b\"").unwrap(), "a\nb");
        assert!(string_literal("x").is_err());
        assert!(evaluate("1 +", &mut |_| None).is_err());
    }
}
