//! The recursive-descent parser: state, references, types, variables and functions.
//!
//! One parser serves all uses. The loader runs it twice over declarations: first over everything whose end is not in
//! an index, only to find where it ends and which names it declares (references do not resolve yet, results are
//! dropped), then for good. Bodies are read by a parser of their own each, so that threads share nothing but the
//! immutable [`Tables`].
//!
//! Robustness. Every list length is bounded by the bytes left. Lists are collected on stacks owned by the parser and
//! copied to the arena when complete, so memory is proportional to what was read. Recursion has an explicit limit,
//! [`MAX_DEPTH`]; to keep frames small, each construct has a function of its own that is not inlined into the
//! dispatch, and results are references or small.

use bumpalo::Bump;
use cranelift_entity::packed_option::PackedOption;
use cranelift_entity::{EntityRef, PrimaryMap};

use crate::ast::*;
use crate::component::CanonicalName;
use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::ids::*;
use crate::summary::Tally;

/// Deepest nesting of a body: every expression, statement and type counts, and things with large stack frames
/// (variables, arguments, switch cases, catch clauses, generic function types) count twice. A level takes less than 500 bytes of stack
/// in the development profile, and less in release, so the limit is safe on threads with 2 MiB.
pub const MAX_DEPTH: u32 = 3000;

/// What references in the file resolve against: the part of a component that is complete before declarations are
/// read.
pub(crate) struct Tables<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) string_bytes: &'a [u8],
    /// End of each string in `string_bytes`.
    pub(crate) string_ends: Vec<u32>,
    pub(crate) names: PrimaryMap<NameIdx, CanonicalName>,
    /// What declares each name. Empty while the loader collects the declarations.
    pub(crate) references: PrimaryMap<NameIdx, Reference>,
    pub(crate) source_count: usize,
    pub(crate) constant_count: usize,
}

impl<'a> Tables<'a> {
    pub(crate) fn string(&self, index: StrIdx) -> &'a [u8] {
        let index = index.index();
        let start = if index == 0 { 0 } else { self.string_ends[index - 1] as usize };
        &self.string_bytes[start..self.string_ends[index] as usize]
    }

    /// Whether references resolve yet.
    fn is_complete(&self) -> bool {
        !self.references.is_empty() || self.names.is_empty()
    }

    /// A canonical name for people: parts joined with `::`.
    pub(crate) fn qualified_name(&self, index: NameIdx) -> String {
        let mut parts = Vec::new();
        let mut next = Some(index);
        while let Some(index) = next {
            parts.push(String::from_utf8_lossy(self.string(self.names[index].name)));
            next = self.names[index].parent.expand();
        }
        parts.reverse();
        parts.join("::")
    }
}

pub(crate) struct Parser<'c, 'a, 'b> {
    pub(crate) cursor: Cursor<'a>,
    pub(crate) tables: &'c Tables<'a>,
    pub(crate) arena: &'b Bump,
    /// Type parameters of enclosing declarations and functions.
    pub(crate) scope: &'b TypeScope<'b>,
    /// First index of the type parameters of each enclosing generic function type, and their number.
    structural: Vec<(u32, u32)>,
    depth: u32,
    /// Enclosing labeled statements, and cases of enclosing switches, of the current function.
    pub(crate) labels: u32,
    pub(crate) cases: u32,
    /// Start of the member: variables are declared from here on.
    start: usize,
    pub(crate) expr_stack: Vec<&'b Expr<'b>>,
    pub(crate) stmt_stack: Vec<&'b Stmt<'b>>,
    type_stack: Vec<DartType<'b>>,
    pub(crate) tally: Option<&'c mut Tally>,
}

impl<'c, 'a, 'b> Parser<'c, 'a, 'b> {
    /// A parser of a member, or other thing without type parameters around it, from `start` to before `end`.
    pub(crate) fn new(tables: &'c Tables<'a>, arena: &'b Bump, start: usize, end: usize) -> Self {
        Parser {
            cursor: Cursor::new(&tables.bytes[..end.min(tables.bytes.len())], start),
            tables,
            arena,
            scope: TypeScope::EMPTY,
            structural: Vec::new(),
            depth: 0,
            labels: 0,
            cases: 0,
            start,
            expr_stack: Vec::new(),
            stmt_stack: Vec::new(),
            type_stack: Vec::new(),
            tally: None,
        }
    }

    pub(crate) fn with_scope(mut self, scope: &'b TypeScope<'b>) -> Self {
        self.scope = scope;
        self
    }

    pub(crate) fn with_tally(mut self, tally: Option<&'c mut Tally>) -> Self {
        self.tally = tally;
        self
    }

    pub(crate) fn pos(&self) -> usize {
        self.cursor.pos()
    }

    pub(crate) fn node(&self) -> NodeOffset {
        NodeOffset(self.cursor.pos() as u32)
    }

    pub(crate) fn error(&self, expected: impl Into<std::borrow::Cow<'static, str>>) -> Error {
        self.cursor.error(expected)
    }

    /// Error about a tag that was just read.
    #[cold]
    pub(crate) fn bad_tag(&self, what: &'static str, tag: u8) -> Error {
        let offset = self.pos().saturating_sub(1);
        match removed_construct(tag) {
            Some(name) => {
                Error::new(offset, format!("{what} of an ahead-of-time file, found {name} (tag {tag})"))
            }
            None => Error::new(offset, format!("{what}, found tag {tag}")),
        }
    }

    /// Must be the end of what is being read.
    pub(crate) fn finish(&self, what: &'static str) -> Result<()> {
        match self.cursor.remaining() {
            0 => Ok(()),
            _ => Err(self.error(format!("the end of {what}"))),
        }
    }

    /// Goes one level deeper; `leave` undoes it (unless there was an error, which ends the parser).
    pub(crate) fn enter(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(format!("nesting no deeper than {MAX_DEPTH} levels")));
        }
        Ok(())
    }

    pub(crate) fn leave(&mut self) {
        self.depth -= 1;
    }

    // Primitives.

    pub(crate) fn byte(&mut self) -> Result<u8> {
        self.cursor.byte()
    }

    pub(crate) fn uint(&mut self) -> Result<u32> {
        self.cursor.uint()
    }

    pub(crate) fn count(&mut self) -> Result<usize> {
        self.cursor.count()
    }

    pub(crate) fn bool(&mut self) -> Result<bool> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            byte => Err(Error::new(self.pos() - 1, format!("0 or 1, found {byte}"))),
        }
    }

    pub(crate) fn tag(&mut self, tag: u8, what: &'static str) -> Result<()> {
        match self.byte()? {
            found if found == tag => Ok(()),
            found => Err(self.bad_tag(what, found)),
        }
    }

    pub(crate) fn position(&mut self) -> Result<Position> {
        self.uint().map(Position::from_encoded)
    }

    fn index(&mut self, limit: usize, what: &'static str) -> Result<usize> {
        let start = self.pos();
        let index = self.uint()? as usize;
        if index >= limit {
            return Err(Error::new(start, format!("an index of one of {limit} {what}, found {index}")));
        }
        Ok(index)
    }

    pub(crate) fn str(&mut self) -> Result<StrIdx> {
        self.index(self.tables.string_ends.len(), "strings").map(StrIdx::new)
    }

    pub(crate) fn source(&mut self) -> Result<SourceIdx> {
        self.index(self.tables.source_count, "sources").map(SourceIdx::new)
    }

    pub(crate) fn constant(&mut self) -> Result<ConstIdx> {
        self.index(self.tables.constant_count, "constants").map(ConstIdx::new)
    }

    // References.

    /// A canonical name, or null.
    pub(crate) fn optional_name(&mut self) -> Result<PackedOption<NameIdx>> {
        let index = self.index(self.tables.names.len() + 1, "canonical names (from 1)")?;
        Ok(index.checked_sub(1).map(NameIdx::new).into())
    }

    pub(crate) fn canonical_name(&mut self) -> Result<NameIdx> {
        let start = self.pos();
        self.optional_name()?.expand().ok_or_else(|| Error::new(start, "a canonical name"))
    }

    pub(crate) fn reference(&mut self) -> Result<Reference> {
        Ok(match self.optional_name()?.expand() {
            None => Reference::None,
            Some(name) if self.tables.is_complete() => self.tables.references[name],
            Some(name) => Reference::Unresolved(name),
        })
    }

    /// An interface member: its reference, then that of the member a mixin or forwarding stub was made from.
    pub(crate) fn interface_target(&mut self) -> Result<Reference> {
        let target = self.reference()?;
        self.optional_name()?;
        Ok(target)
    }

    #[cold]
    fn bad_reference(&self, offset: usize, what: &'static str) -> Error {
        let name = Cursor::new(self.tables.bytes, offset).uint().unwrap_or(0) as usize;
        let found = match name.checked_sub(1) {
            Some(name) => self.tables.qualified_name(NameIdx::new(name)),
            None => "null".to_string(),
        };
        Error::new(offset, format!("a reference to {what}, found {found}"))
    }

    fn resolve<K: EntityRef>(&mut self, what: &'static str, select: fn(Reference) -> Option<K>) -> Result<K> {
        let offset = self.pos();
        let reference = self.reference()?;
        match select(reference) {
            Some(entity) => Ok(entity),
            // Whoever parses without complete tables only wants to know where things end.
            None if !self.tables.is_complete() => Ok(K::new(0)),
            None => Err(self.bad_reference(offset, what)),
        }
    }

    pub(crate) fn class(&mut self) -> Result<ClassIdx> {
        self.resolve("a class", |reference| match reference {
            Reference::Class(class) => Some(class),
            _ => None,
        })
    }

    pub(crate) fn optional_class(&mut self) -> Result<Option<ClassIdx>> {
        let start = self.pos();
        if self.optional_name()?.is_none() {
            return Ok(None);
        }
        self.cursor.seek(start);
        self.class().map(Some)
    }

    pub(crate) fn field(&mut self) -> Result<FieldIdx> {
        self.resolve("a field", |reference| match reference {
            Reference::Field(field) | Reference::FieldGetter(field) | Reference::FieldSetter(field) => {
                Some(field)
            }
            _ => None,
        })
    }

    pub(crate) fn constructor_reference(&mut self) -> Result<CtorIdx> {
        self.resolve("a constructor", |reference| match reference {
            Reference::Constructor(constructor) => Some(constructor),
            _ => None,
        })
    }

    pub(crate) fn procedure_reference(&mut self) -> Result<ProcIdx> {
        self.resolve("a procedure", |reference| match reference {
            Reference::Procedure(procedure) => Some(procedure),
            _ => None,
        })
    }

    /// A member name: private names are followed by their library.
    pub(crate) fn name(&mut self) -> Result<Name> {
        let text = self.str()?;
        let private = self.tables.string(text).first() == Some(&b'_');
        let library = if private { self.optional_name()? } else { None.into() };
        Ok(Name { text, library })
    }

    // Lists.

    /// A list of uncommon things.
    pub(crate) fn list<T: Copy>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<&'b [T]> {
        let count = self.count()?;
        self.items(count, &mut item)
    }

    pub(crate) fn items<T: Copy>(
        &mut self,
        count: usize,
        item: &mut dyn FnMut(&mut Self) -> Result<T>,
    ) -> Result<&'b [T]> {
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(self.arena.alloc_slice_copy(&items))
    }

    pub(crate) fn option<T>(&mut self, item: impl FnOnce(&mut Self) -> Result<T>) -> Result<Option<T>> {
        if self.bool()? { item(self).map(Some) } else { Ok(None) }
    }

    /// Skips an optional list of unsigned integers.
    pub(crate) fn skip_captured_contexts(&mut self) -> Result<()> {
        if self.bool()? {
            for _ in 0..self.count()? {
                self.uint()?;
            }
        }
        Ok(())
    }

    /// Skips an optional `Scope`: variable contexts with their variables.
    pub(crate) fn skip_scope(&mut self) -> Result<()> {
        if self.bool()? {
            for _ in 0..self.count()? {
                self.byte()?;
                for _ in 0..self.count()? {
                    self.uint()?;
                    self.uint()?;
                }
            }
        }
        Ok(())
    }

    // Types.

    pub(crate) fn types(&mut self) -> Result<&'b [DartType<'b>]> {
        let count = self.count()?;
        let base = self.type_stack.len();
        for _ in 0..count {
            let ty = self.dart_type()?;
            self.type_stack.push(ty);
        }
        let types = self.arena.alloc_slice_copy(&self.type_stack[base..]);
        self.type_stack.truncate(base);
        Ok(types)
    }

    pub(crate) fn type_ref(&mut self) -> Result<&'b DartType<'b>> {
        let ty = self.dart_type()?;
        Ok(self.arena.alloc(ty))
    }

    pub(crate) fn optional_type_ref(&mut self) -> Result<Option<&'b DartType<'b>>> {
        if self.bool()? { self.type_ref().map(Some) } else { Ok(None) }
    }

    pub(crate) fn dart_type(&mut self) -> Result<DartType<'b>> {
        self.enter()?;
        let tag = self.byte()?;
        if let Some(tally) = &mut self.tally {
            tally.types[tag as usize] += 1;
        }
        let ty = match tag {
            90 => DartType::Invalid,
            91 => DartType::Dynamic,
            92 => DartType::Void,
            152 => DartType::Null,
            98 => DartType::Never(self.nullability()?),
            96 | 93 => self.interface_type(tag)?,
            97 | 94 => self.function_type(tag)?,
            100 => self.record_type()?,
            95 => self.type_parameter_type()?,
            99 => self.intersection_type()?,
            103 => self.extension_type()?,
            107 => self.future_or_type()?,
            _ => return Err(self.bad_tag("a type", tag)),
        };
        self.leave();
        Ok(ty)
    }

    /// Skips a type whose type parameters need not be in scope.
    pub(crate) fn skip_type(&mut self) -> Result<()> {
        self.enter()?;
        let tag = self.byte()?;
        if !matches!(tag, 90..=92 | 152 | 99) {
            self.nullability()?;
        }
        match tag {
            90..=92 | 98 | 152 => {}
            96 => self.optional_name().map(drop)?,
            95 => self.uint().map(drop)?,
            107 => self.skip_type()?,
            93 | 103 => {
                self.optional_name()?;
                self.skip_types()?;
                if tag == 103 {
                    self.skip_type()?;
                }
            }
            99 => {
                self.skip_type()?;
                self.skip_type()?;
            }
            94 | 97 | 100 => {
                if tag == 94 {
                    for _ in 0..self.count()? {
                        self.byte()?;
                        self.exprs()?;
                        self.byte()?;
                        self.str()?;
                        self.skip_type()?;
                        self.skip_type()?;
                    }
                    self.uint()?;
                    self.uint()?;
                }
                self.skip_types()?;
                if tag != 97 {
                    for _ in 0..self.count()? {
                        self.str()?;
                        self.skip_type()?;
                        self.byte()?;
                    }
                }
                if tag != 100 {
                    self.skip_type()?;
                }
            }
            _ => return Err(self.bad_tag("a type", tag)),
        }
        self.leave();
        Ok(())
    }

    fn skip_types(&mut self) -> Result<()> {
        for _ in 0..self.count()? {
            self.skip_type()?;
        }
        Ok(())
    }

    fn nullability(&mut self) -> Result<Nullability> {
        match self.byte()? {
            0 => Ok(Nullability::Undetermined),
            1 => Ok(Nullability::Nullable),
            2 => Ok(Nullability::NonNullable),
            byte => Err(self.bad_tag("a nullability", byte)),
        }
    }

    #[inline(never)]
    fn interface_type(&mut self, tag: u8) -> Result<DartType<'b>> {
        let nullability = self.nullability()?;
        let class = self.class()?;
        let arguments = if tag == 93 { self.types()? } else { &[] };
        Ok(DartType::Interface { class, nullability, arguments })
    }

    #[inline(never)]
    fn function_type(&mut self, tag: u8) -> Result<DartType<'b>> {
        let nullability = self.nullability()?;
        if tag == 97 {
            let positional = self.types()?;
            let return_type = self.dart_type()?;
            return Ok(DartType::Function(self.arena.alloc(FunctionType {
                nullability,
                type_parameters: &[],
                required_positional: positional.len() as u32,
                positional,
                named: &[],
                return_type,
            })));
        }
        self.enter()?;
        let start = self.pos();
        let parameter_count = self.count()?;
        if parameter_count > 0 {
            let first = match self.structural.last() {
                Some(&(first, count)) => first + count,
                None => self.scope.end(),
            };
            self.structural.push((first, parameter_count as u32));
        }
        let type_parameters = self.type_parameters(parameter_count)?;
        let required_positional = self.uint()?;
        let total = self.uint()? as usize;
        let positional = self.types()?;
        let named = self.named_types()?;
        if required_positional as usize > positional.len() || total != positional.len() + named.len() {
            return Err(Error::new(start, "a function type with consistent parameter counts"));
        }
        let return_type = self.dart_type()?;
        if parameter_count > 0 {
            self.structural.pop();
        }
        self.leave();
        Ok(DartType::Function(self.arena.alloc(FunctionType {
            nullability,
            type_parameters,
            required_positional,
            positional,
            named,
            return_type,
        })))
    }

    fn named_types(&mut self) -> Result<&'b [NamedType<'b>]> {
        self.list(|p| Ok(NamedType { name: p.str()?, ty: p.dart_type()?, required: p.byte()? & 1 != 0 }))
    }

    #[inline(never)]
    fn record_type(&mut self) -> Result<DartType<'b>> {
        let nullability = self.nullability()?;
        let positional = self.types()?;
        let named = self.named_types()?;
        Ok(DartType::Record(self.arena.alloc(RecordType { nullability, positional, named })))
    }

    #[inline(never)]
    fn type_parameter_type(&mut self) -> Result<DartType<'b>> {
        let nullability = self.nullability()?;
        let start = self.pos();
        let encoded = self.uint()?;
        let (owner, index) = if !self.tables.is_complete() {
            (TypeParameterOwner::FunctionType { depth: 0 }, encoded)
        } else if let Some(resolved) = self.scope.resolve(encoded) {
            resolved
        } else {
            let found = self.structural.iter().rev().zip(0..).find(|((first, _), _)| encoded >= *first);
            match found {
                Some(((first, count), depth)) if encoded - first < *count => {
                    (TypeParameterOwner::FunctionType { depth }, encoded - first)
                }
                _ => {
                    return Err(Error::new(
                        start,
                        format!("a type parameter in scope, found index {encoded}"),
                    ));
                }
            }
        };
        Ok(DartType::TypeParameter { owner, index, nullability })
    }

    #[inline(never)]
    fn intersection_type(&mut self) -> Result<DartType<'b>> {
        let left = self.type_ref()?;
        let right = self.type_ref()?;
        Ok(DartType::Intersection { left, right })
    }

    #[inline(never)]
    fn extension_type(&mut self) -> Result<DartType<'b>> {
        let nullability = self.nullability()?;
        let declaration = self.reference()?;
        let arguments = self.types()?;
        let erasure = self.dart_type()?;
        Ok(DartType::Extension(self.arena.alloc(ExtensionTypeUse {
            declaration,
            nullability,
            arguments,
            erasure,
        })))
    }

    #[inline(never)]
    fn future_or_type(&mut self) -> Result<DartType<'b>> {
        let nullability = self.nullability()?;
        Ok(DartType::FutureOr { argument: self.type_ref()?, nullability })
    }

    fn type_parameters(&mut self, count: usize) -> Result<&'b [TypeParameter<'b>]> {
        if count == 0 {
            return Ok(&[]);
        }
        self.items(count, &mut |p| {
            if let Some(tally) = &mut p.tally {
                tally.type_parameters += 1;
            }
            Ok(TypeParameter {
                node: p.node(),
                is_covariant_by_class: p.byte()? & 1 != 0,
                annotations: p.exprs()?,
                variance: match p.byte()? {
                    0 => Variance::Unrelated,
                    1 => Variance::Covariant,
                    2 => Variance::Contravariant,
                    3 => Variance::Invariant,
                    4 => Variance::LegacyCovariant,
                    byte => return Err(p.bad_tag("a variance", byte)),
                },
                name: p.str()?,
                bound: p.dart_type()?,
                default_type: p.dart_type()?,
            })
        })
    }

    /// Type parameters of a declaration or function, which stay in scope until the caller restores `self.scope`.
    pub(crate) fn declare_type_parameters(
        &mut self,
        owner: TypeParameterOwner,
    ) -> Result<&'b [TypeParameter<'b>]> {
        let count = self.count()?;
        if count > 0 {
            let scope =
                TypeScope { parent: Some(self.scope), owner, first: self.scope.end(), count: count as u32 };
            self.scope = self.arena.alloc(scope);
        }
        self.type_parameters(count)
    }

    // Variables and functions.

    pub(crate) fn variable_ref(&mut self) -> Result<&'b Variable<'b>> {
        let variable = self.variable()?;
        Ok(self.arena.alloc(variable))
    }

    #[inline(never)]
    pub(crate) fn variable(&mut self) -> Result<Variable<'b>> {
        self.enter()?;
        let id = VarId(self.pos() as u32);
        let tag = self.byte()?;
        if let Some(tally) = &mut self.tally {
            tally.variables[tag as usize] += 1;
        }
        let kind = match tag {
            155 => VariableKind::Local,
            156 => VariableKind::Late,
            157 => VariableKind::Synthetic,
            158 => VariableKind::Catch,
            159 => VariableKind::Positional,
            160 => VariableKind::Named,
            161 => VariableKind::This,
            162 => VariableKind::LocalFunction,
            163 => VariableKind::Const,
            _ => return Err(self.bad_tag("a variable", tag)),
        };
        let variable = Variable {
            id,
            kind,
            position: self.position()?,
            equals_position: self.position()?,
            annotations: self.exprs()?,
            flags: VariableFlags(self.uint()?),
            name: self.str()?,
            ty: self.dart_type()?,
            initializer: self.optional_expr()?,
        };
        self.leave();
        Ok(variable)
    }

    /// A `VariableDeclaration`: a variable with its position in a statement.
    pub(crate) fn variable_declaration(&mut self) -> Result<(Position, Variable<'b>)> {
        self.tag(154, "a variable declaration")?;
        let position = self.position()?;
        self.skip_captured_contexts()?;
        Ok((position, self.variable()?))
    }

    /// A reference to a variable: the offset of its declaration.
    pub(crate) fn variable_reference(&mut self) -> Result<VarId> {
        let start = self.pos();
        let declaration = self.uint()? as usize;
        let declared = (self.start..start).contains(&declaration)
            && matches!(self.cursor.byte_at(declaration), Some(155..=163));
        match declared {
            true => Ok(VarId(declaration as u32)),
            false => Err(Error::new(start, format!("a variable of this member, found offset {declaration}"))),
        }
    }

    /// A function up to where its body starts; the range of the body ends where the parser's does. Its type parameters stay in scope until the caller restores
    /// `self.scope`.
    #[inline(never)]
    pub(crate) fn function_header(&mut self, owner: Option<Member>) -> Result<&'b mut FunctionHeader<'b>> {
        let node = self.node();
        self.tag(3, "a function")?;
        if let Some(tally) = &mut self.tally {
            tally.functions += 1;
        }
        let position = self.position()?;
        let end_position = self.position()?;
        let async_marker = self.async_marker()?;
        let dart_async_marker = self.async_marker()?;
        self.uint()?;
        let type_parameters = self.declare_type_parameters(match owner {
            Some(member) => TypeParameterOwner::Member(member),
            None => TypeParameterOwner::LocalFunction(node),
        })?;
        let this_variable = if self.bool()? { Some(self.variable_ref()?) } else { None };
        let start = self.pos();
        let total = self.uint()? as usize;
        let required_positional = self.uint()?;
        let positional = self.list(Self::variable)?;
        let named = self.list(Self::variable)?;
        if required_positional as usize > positional.len() || total != positional.len() + named.len() {
            return Err(Error::new(start, "a function with consistent parameter counts"));
        }
        let return_type = self.dart_type()?;
        let emitted_value_type = self.option(Self::dart_type)?;
        let redirecting_target = self.option(Self::redirecting_target)?;
        let has_body = self.bool()?;
        let end = self.pos() + self.cursor.remaining();
        let body = has_body.then_some(ByteRange { start: self.pos() as u32, end: end as u32 });
        Ok(self.arena.alloc(FunctionHeader {
            node,
            position,
            end_position,
            async_marker,
            dart_async_marker,
            type_parameters,
            scope: self.scope,
            this_variable,
            required_positional,
            positional,
            named,
            return_type,
            emitted_value_type,
            redirecting_target,
            body,
        }))
    }

    fn async_marker(&mut self) -> Result<AsyncMarker> {
        match self.byte()? {
            0 => Ok(AsyncMarker::Sync),
            1 => Ok(AsyncMarker::SyncStar),
            2 => Ok(AsyncMarker::Async),
            3 => Ok(AsyncMarker::AsyncStar),
            byte => Err(self.bad_tag("an async marker", byte)),
        }
    }

    fn redirecting_target(&mut self) -> Result<RedirectingTarget<'b>> {
        Ok(RedirectingTarget {
            target: self.reference()?,
            type_arguments: self.option(Self::types)?.unwrap_or(&[]),
            error_message: self.option(Self::str)?,
        })
    }

    /// What follows a function's header: body, scope, captured contexts.
    pub(crate) fn function_rest(&mut self, has_body: bool) -> Result<Option<&'b Stmt<'b>>> {
        let body = if has_body { Some(self.stmt()?) } else { None };
        self.skip_scope()?;
        self.skip_captured_contexts()?;
        Ok(body)
    }

    /// A function inside of a body: id and function node.
    #[inline(never)]
    pub(crate) fn local_function(&mut self) -> Result<&'b LocalFunction<'b>> {
        let (scope, labels, cases) = (self.scope, self.labels, self.cases);
        self.labels = 0;
        self.cases = 0;
        let id = self.uint()?;
        let header = self.function_header(None)?;
        let body = self.function_rest(header.body.is_some())?;
        if let Some(range) = &mut header.body {
            range.end = self.cursor.pos() as u32;
        }
        self.scope = scope;
        self.labels = labels;
        self.cases = cases;
        Ok(self.arena.alloc(LocalFunction { id, function: FunctionNode { header, body } }))
    }
}

/// Name of a construct that the front end removes from ahead-of-time files.
fn removed_construct(tag: u8) -> Option<&'static str> {
    Some(match tag {
        17 => "StaticTearOff",
        18 => "ConstStaticInvocation",
        22 => "AbstractSuperPropertyGet",
        23 => "AbstractSuperPropertySet",
        28 => "AbstractSuperMethodInvocation",
        32 => "ConstConstructorInvocation",
        44 => "SymbolLiteral",
        58 => "ConstListLiteral",
        59 => "ConstMapLiteral",
        60 => "ConstructorTearOff",
        83 => "TypedefTearOff",
        84 => "RedirectingFactoryTearOff",
        87 => "TypedefType",
        89 => "InstanceGetterInvocation",
        105 => "ConstRecordLiteral",
        109 => "SetLiteral",
        110 => "ConstSetLiteral",
        111 => "ListConcatenation",
        112 => "SetConcatenation",
        113 => "MapConcatenation",
        114 => "InstanceCreation",
        126 => "FunctionTearOff",
        128..=146 => "a pattern",
        147 => "PatternSwitchStatement",
        148 => "SwitchExpression",
        149 => "IfCaseStatement",
        150 => "PatternAssignment",
        151 => "PatternVariableDeclaration",
        153 => "RedirectingFactoryInvocation",
        _ => return None,
    })
}
