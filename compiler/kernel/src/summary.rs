//! What is in a kernel file: counts per kind of node.
//!
//! Making a summary reads every body and decodes every metadata payload, so it is also a full check of a file.

use std::fmt;

use crate::Bump;
use crate::ast::*;
use crate::component::*;
use crate::error::{Error, Result};
use crate::ids::*;
use crate::metadata::Repository;
use crate::visit::{self, Visitor};

/// Number of nodes by tag, counted while reading.
pub(crate) struct Tally {
    pub(crate) expressions: [u64; 256],
    pub(crate) statements: [u64; 256],
    pub(crate) types: [u64; 256],
    pub(crate) variables: [u64; 256],
    pub(crate) initializers: [u64; 256],
    pub(crate) constants: [u64; 256],
    pub(crate) type_parameters: u64,
    pub(crate) functions: u64,
    pub(crate) switch_cases: u64,
    pub(crate) catches: u64,
}

/// Counts of a file.
#[derive(Clone, Debug)]
pub struct Summary {
    /// File size.
    pub size: usize,
    /// The SDK hash, as text.
    pub sdk_hash: String,
    /// Canonical name of `main`.
    pub main: Option<String>,
    /// Where the sections start.
    pub sections: Sections,
    /// Per repository: tag, entries, and entries that belong to a node. The last two only differ for metadata on
    /// nodes that are not part of the program, such as expressions in annotations.
    pub metadata: Vec<(&'static str, u64, u64)>,
    /// Counts, by group (`tables`, `declarations`, `expressions`...) and kind, most frequent first.
    pub groups: Vec<(&'static str, Vec<(String, u64)>)>,
}

impl Summary {
    /// Reads all of a kernel file.
    ///
    /// # Errors
    /// If anything in the file is malformed.
    pub fn read(bytes: &[u8]) -> Result<Summary> {
        let arena = Bump::new();
        let mut tally = Box::new(Tally::new());
        let component = crate::load::load(bytes, &arena, Some(&mut tally))?;
        let mut census = Census::new(&component);
        census.declarations();
        census.bodies(&mut tally)?;
        census.component_metadata()?;
        let main =
            component.main.map(|main| component.qualified_name(component.procedures[main].canonical_name));
        let metadata = Repository::ALL
            .into_iter()
            .map(|repository| {
                let entries = component.metadata_count(repository) as u64;
                (repository.tag(), entries, census.reached[repository as usize])
            })
            .collect();
        Ok(Summary {
            size: bytes.len(),
            sdk_hash: String::from_utf8_lossy(component.sdk_hash).into_owned(),
            main,
            sections: component.sections(),
            metadata,
            groups: groups(&component, &tally, census.counts),
        })
    }

    /// A count, 0 if there is none.
    pub fn count(&self, group: &str, kind: &str) -> u64 {
        let group = self.groups.iter().find(|(name, _)| *name == group);
        group
            .and_then(|(_, counts)| counts.iter().find(|(name, _)| name == kind))
            .map_or(0, |(_, count)| *count)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "size {}", self.size)?;
        writeln!(f, "sdk hash {}", self.sdk_hash)?;
        writeln!(f, "main {}", self.main.as_deref().unwrap_or("none"))?;
        writeln!(f, "metadata (entries, on nodes of the program)")?;
        for (tag, entries, reached) in &self.metadata {
            writeln!(f, "  {tag:<36} {entries:>9} {reached:>9}")?;
        }
        for (group, counts) in &self.groups {
            writeln!(f, "{group} {}", counts.iter().map(|(_, count)| count).sum::<u64>())?;
            for (kind, count) in counts {
                writeln!(f, "  {kind:<36} {count:>9}")?;
            }
        }
        Ok(())
    }
}

impl Tally {
    fn new() -> Self {
        Tally {
            expressions: [0; 256],
            statements: [0; 256],
            types: [0; 256],
            variables: [0; 256],
            initializers: [0; 256],
            constants: [0; 256],
            type_parameters: 0,
            functions: 0,
            switch_cases: 0,
            catches: 0,
        }
    }
}

/// Walks the program.
struct Census<'c, 'a> {
    component: &'c Component<'a>,
    /// Counts of declarations by kind and flag.
    counts: Vec<(String, u64)>,
    /// Metadata entries that belong to nodes, by repository.
    reached: [u64; Repository::COUNT],
    error: Option<Error>,
}

impl<'c, 'a> Census<'c, 'a> {
    fn new(component: &'c Component<'a>) -> Self {
        Census { component, counts: Vec::new(), reached: [0; Repository::COUNT], error: None }
    }

    fn add(&mut self, kind: &str) {
        match self.counts.iter_mut().find(|(name, _)| name == kind) {
            Some((_, count)) => *count += 1,
            None => self.counts.push((kind.to_string(), 1)),
        }
    }

    /// Counts a declaration, and each of its flags, as printed.
    fn add_declaration(&mut self, kind: &str, flags: &dyn fmt::Debug) {
        self.add(kind);
        let flags = format!("{flags:?}");
        for flag in flags.trim_matches(['{', '}']).split(", ").filter(|flag| !flag.is_empty()) {
            self.add(&format!("{kind}.{flag}"));
        }
    }

    fn declarations(&mut self) {
        let component = self.component;
        for library in component.libraries.values() {
            self.add("Library");
            for dependency in library.dependencies {
                self.add("LibraryDependency");
                if dependency.is_deferred {
                    self.add("LibraryDependency.deferred");
                }
            }
        }
        for (kind, count) in [
            ("Typedef", component.typedefs.len()),
            ("Extension", component.extensions.len()),
            ("ExtensionTypeDeclaration", component.extension_types.len()),
        ] {
            self.counts.push((kind.to_string(), count as u64));
        }
        for class in component.classes.values() {
            self.add_declaration("Class", &class.flags);
        }
        for field in component.fields.values() {
            self.add_declaration("Field", &field.flags);
            if field.initializer.is_some() {
                self.add("Field.initializer");
            }
        }
        for constructor in component.constructors.values() {
            self.add_declaration("Constructor", &constructor.flags);
        }
        for procedure in component.procedures.values() {
            self.add_declaration("Procedure", &procedure.flags);
            self.add(&format!("Procedure.{:?}", procedure.kind));
            if procedure.stub_kind != ProcedureStubKind::Regular {
                self.add(&format!("Procedure.stub.{:?}", procedure.stub_kind));
            }
        }
    }

    /// Reads all bodies and their metadata.
    fn bodies(&mut self, tally: &mut Tally) -> Result<()> {
        let component = self.component;
        let mut arena = Bump::new();
        for (id, field) in &component.fields {
            self.node(field.node, field.scope);
            if let Some(value) = component.initializer(id, &arena, Some(tally))? {
                self.expr(value, field.scope);
            }
            arena.reset();
        }
        for (id, constructor) in &component.constructors {
            self.node(constructor.node, constructor.function.scope);
            let constructor = component.constructor_body(id, &arena, Some(tally))?;
            self.function(constructor.function.header);
            visit::walk_constructor(self, &constructor);
            arena.reset();
        }
        for (id, procedure) in &component.procedures {
            self.node(procedure.node, procedure.function.scope);
            let function = component.procedure_body(id, &arena, Some(tally))?;
            self.function(function.header);
            visit::walk_function(self, &function);
            arena.reset();
        }
        match self.error.take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn function(&mut self, header: &FunctionHeader<'_>) {
        self.node(header.node, header.scope);
        if header.async_marker != AsyncMarker::Sync {
            self.add(&format!("FunctionNode.{:?}", header.async_marker));
        }
    }

    fn component_metadata(&mut self) -> Result<()> {
        self.component.table_selectors()?;
        self.component.loading_units()?;
        self.component.obfuscation_prohibitions()?;
        self.node(NodeOffset(0), TypeScope::EMPTY);
        Ok(())
    }

    /// Decodes the metadata of a node.
    fn node(&mut self, node: NodeOffset, scope: &TypeScope<'_>) {
        for repository in Repository::ALL {
            if self.component.has_metadata(repository, node) {
                self.reached[repository as usize] += 1;
                if let Err(error) = self.decode(repository, node, scope) {
                    self.error.get_or_insert(error);
                }
            }
        }
    }

    fn decode(&self, repository: Repository, node: NodeOffset, scope: &TypeScope<'_>) -> Result<()> {
        let component = self.component;
        let arena = Bump::new();
        let inferred = match repository {
            Repository::ProcedureAttributes => return component.procedure_attributes(node).map(drop),
            Repository::UnboxingInfo => return component.unboxing_info(node).map(drop),
            Repository::DirectCall => return component.direct_call(node).map(drop),
            Repository::ClosureId => return component.closure_id(node).map(drop),
            Repository::CallSiteAttributes => {
                if let Some(ty) = component.call_site_attributes(node)? {
                    component.decode_type(ty, scope, &arena)?;
                }
                return Ok(());
            }
            Repository::InferredType => component.inferred_type(node)?,
            Repository::InferredArgType => component.inferred_arg_type(node)?,
            Repository::InferredReturnType => component.inferred_return_type(node)?,
            Repository::Unreachable
            | Repository::TableSelector
            | Repository::LoadingUnits
            | Repository::ObfuscationProhibitions => return Ok(()),
        };
        if let Some(ty) = inferred.and_then(|inferred| inferred.exact_type) {
            component.decode_type(ty, scope, &arena)?;
        }
        Ok(())
    }
}

impl<'b> Visitor<'b> for Census<'_, '_> {
    fn expr(&mut self, expr: &'b Expr<'b>, scope: &'b TypeScope<'b>) {
        self.node(expr.node, scope);
        visit::walk_expr(self, expr, scope);
    }

    fn stmt(&mut self, stmt: &'b Stmt<'b>, scope: &'b TypeScope<'b>) {
        self.node(stmt.node, scope);
        visit::walk_stmt(self, stmt, scope);
    }

    fn variable(&mut self, variable: &'b Variable<'b>, scope: &'b TypeScope<'b>) {
        self.node(variable.id.node(), scope);
        visit::walk_variable(self, variable, scope);
    }

    fn local_function(&mut self, function: &'b LocalFunction<'b>) {
        Census::function(self, function.function.header);
        visit::walk_function(self, &function.function);
    }
}

fn groups(
    component: &Component<'_>,
    tally: &Tally,
    mut declarations: Vec<(String, u64)>,
) -> Vec<(&'static str, Vec<(String, u64)>)> {
    for (kind, count) in [
        ("FunctionNode", tally.functions),
        ("TypeParameter", tally.type_parameters),
        ("SwitchCase", tally.switch_cases),
        ("Catch", tally.catches),
    ] {
        declarations.push((kind.to_string(), count));
    }
    let tables = [
        ("strings", component.string_count()),
        ("canonical names", component.canonical_names().len()),
        ("constants", component.constants().len()),
        ("sources", component.sources.len()),
        ("source bytes", component.sources.values().map(|source| source.text.len()).sum()),
        ("problems", component.problems.len()),
    ];
    let mut groups = vec![
        ("tables", tables.map(|(kind, count)| (kind.to_string(), count as u64)).to_vec()),
        ("declarations", declarations),
        ("expressions", named(&tally.expressions, expression_name)),
        ("statements", named(&tally.statements, statement_name)),
        ("types", named(&tally.types, type_name)),
        ("initializers", named(&tally.initializers, initializer_name)),
        ("variables", named(&tally.variables, variable_name)),
        ("constants", named(&tally.constants, constant_name)),
    ];
    for (_, counts) in &mut groups[1..] {
        counts.retain(|(_, count)| *count > 0);
        counts.sort_by(|(name1, count1), (name2, count2)| count2.cmp(count1).then_with(|| name1.cmp(name2)));
    }
    groups
}

/// Counts by name: tags with the same name are added up.
fn named(counts: &[u64; 256], name: fn(u8) -> &'static str) -> Vec<(String, u64)> {
    let mut result: Vec<(String, u64)> = Vec::new();
    for (tag, &count) in (0..=255u8).zip(counts).filter(|(_, count)| **count > 0) {
        match result.iter_mut().find(|(known, _)| known == name(tag)) {
            Some((_, total)) => *total += count,
            None => result.push((name(tag).to_string(), count)),
        }
    }
    result
}

macro_rules! names {
    ($($function:ident { $($tag:pat => $name:literal,)* })*) => {$(
        fn $function(tag: u8) -> &'static str {
            match tag {
                $($tag => $name,)*
                _ => "unknown",
            }
        }
    )*};
}

names! {
    expression_name {
        13 => "CheckLibraryIsLoaded",
        14 => "LoadLibrary",
        15 => "EqualsNull",
        16 => "EqualsCall",
        19 => "InvalidExpression",
        20 => "VariableGet",
        21 => "VariableSet",
        24 => "SuperPropertyGet",
        25 => "SuperPropertySet",
        26 => "StaticGet",
        27 => "StaticSet",
        29 => "SuperMethodInvocation",
        30 => "StaticInvocation",
        31 => "ConstructorInvocation",
        33 => "Not",
        34 => "LogicalExpression",
        35 => "ConditionalExpression",
        36 => "StringConcatenation",
        37 => "IsExpression",
        38 => "AsExpression",
        39 => "StringLiteral",
        40 => "DoubleLiteral",
        41 => "TrueLiteral",
        42 => "FalseLiteral",
        43 => "NullLiteral",
        45 => "TypeLiteral",
        46 => "ThisExpression",
        47 => "Rethrow",
        48 => "Throw",
        49 => "ListLiteral",
        50 => "MapLiteral",
        51 => "AwaitExpression",
        52 => "FunctionExpression",
        53 => "Let",
        54 => "Instantiation",
        55 => "PositiveIntLiteral",
        56 => "NegativeIntLiteral",
        57 => "BigIntLiteral",
        82 => "BlockExpression",
        101 => "RecordIndexGet",
        102 => "RecordNameGet",
        104 => "RecordLiteral",
        106 => "ConstantExpression",
        108 => "FileUriConstantExpression",
        116 => "FileUriExpression",
        117 => "NullCheck",
        118 => "InstanceGet",
        119 => "InstanceSet",
        120 => "InstanceInvocation",
        121 => "InstanceTearOff",
        122 => "DynamicGet",
        123 => "DynamicSet",
        124 => "DynamicInvocation",
        125 => "FunctionInvocation",
        127 => "LocalFunctionInvocation",
        224..=231 => "SpecializedVariableGet",
        232..=239 => "SpecializedVariableSet",
        240..=247 => "SpecializedIntLiteral",
    }
    statement_name {
        61 => "ExpressionStatement",
        62 => "Block",
        63 => "EmptyStatement",
        64 => "AssertStatement",
        65 => "LabeledStatement",
        66 => "BreakStatement",
        67 => "WhileStatement",
        68 => "DoStatement",
        69 => "ForStatement",
        70 => "ForInStatement",
        71 => "SwitchStatement",
        72 => "ContinueSwitchStatement",
        73 => "IfStatement",
        74 => "ReturnStatement",
        75 => "TryCatch",
        76 => "TryFinally",
        77 => "YieldStatement",
        78 => "VariableStatement",
        79 => "FunctionDeclaration",
        80 => "AsyncForInStatement",
        81 => "AssertBlock",
    }
    type_name {
        90 => "InvalidType",
        91 => "DynamicType",
        92 => "VoidType",
        93 => "InterfaceType",
        94 => "FunctionType",
        95 => "TypeParameterType",
        96 => "SimpleInterfaceType",
        97 => "SimpleFunctionType",
        98 => "NeverType",
        99 => "IntersectionType",
        100 => "RecordType",
        103 => "ExtensionType",
        107 => "FutureOrType",
        152 => "NullType",
    }
    initializer_name {
        7 => "InvalidInitializer",
        8 => "FieldInitializer",
        9 => "SuperInitializer",
        10 => "RedirectingInitializer",
        11 => "LocalInitializer",
        12 => "AssertInitializer",
    }
    variable_name {
        155 => "LocalVariable",
        156 => "LateVariable",
        157 => "SyntheticVariable",
        158 => "CatchVariable",
        159 => "PositionalParameter",
        160 => "NamedParameter",
        161 => "ThisVariable",
        162 => "LocalFunctionVariable",
        163 => "ConstVariable",
    }
    constant_name {
        0 => "Null",
        1 => "Bool",
        2 => "Int",
        3 => "Double",
        4 => "String",
        5 => "Symbol",
        6 => "Map",
        7 => "List",
        8 => "Instance",
        9 => "Instantiation",
        10 => "StaticTearOff",
        11 => "TypeLiteral",
        13 => "Set",
        15 => "ConstructorTearOff",
        16 => "RedirectingFactoryTearOff",
        17 => "Record",
    }
}
