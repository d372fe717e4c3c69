//! Declarations: libraries, classes, fields, constructors, procedures, constants.

use crate::ast::*;
use crate::component::*;
use crate::error::{Error, Result};
use crate::ids::*;
use crate::parser::Parser;

/// A library up to its typedefs.
pub(crate) struct LibraryHeader<'b> {
    pub(crate) flags: u8,
    pub(crate) language_version: (u32, u32),
    pub(crate) canonical_name: NameIdx,
    pub(crate) name: StrIdx,
    pub(crate) source: SourceIdx,
    pub(crate) annotations: &'b [&'b Expr<'b>],
    pub(crate) dependencies: &'b [LibraryDependency<'b>],
    pub(crate) additional_exports: &'b [Reference],
}

/// What a member belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Owner {
    pub(crate) library: LibIdx,
    pub(crate) enclosing: Enclosing,
}

impl<'b> Parser<'_, '_, 'b> {
    pub(crate) fn library_header(&mut self) -> Result<LibraryHeader<'b>> {
        let flags = self.byte()?;
        let language_version = (self.uint()?, self.uint()?);
        let canonical_name = self.canonical_name()?;
        let name = self.str()?;
        let source = self.source()?;
        for _ in 0..self.count()? {
            self.cursor.bytes()?;
        }
        let annotations = self.exprs()?;
        let dependencies = self.list(Self::library_dependency)?;
        let additional_exports = self.list(Self::reference)?;
        for _ in 0..self.count()? {
            self.exprs()?;
            self.str()?;
        }
        Ok(LibraryHeader {
            flags,
            language_version,
            canonical_name,
            name,
            source,
            annotations,
            dependencies,
            additional_exports,
        })
    }

    fn library_dependency(&mut self) -> Result<LibraryDependency<'b>> {
        let position = self.position()?;
        let flags = self.byte()?;
        Ok(LibraryDependency {
            position,
            is_export: flags & 1 != 0,
            is_deferred: flags & 2 != 0,
            annotations: self.exprs()?,
            target: self.reference()?,
            prefix: self.str()?,
            combinators: self.list(|p| Ok(Combinator { is_show: p.bool()?, names: p.list(Self::str)? }))?,
        })
    }

    pub(crate) fn typedef(&mut self, id: TypedefIdx) -> Result<Typedef> {
        let node = self.node();
        let canonical_name = self.canonical_name()?;
        self.source()?;
        self.position()?;
        let name = self.str()?;
        self.exprs()?;
        let outer = self.scope;
        self.declare_type_parameters(TypeParameterOwner::Typedef(id))?;
        self.dart_type()?;
        self.scope = outer;
        Ok(Typedef { node, canonical_name, name })
    }

    pub(crate) fn extension(&mut self, id: ExtensionIdx) -> Result<Extension> {
        let node = self.node();
        self.tag(115, "an extension")?;
        let canonical_name = self.canonical_name()?;
        let name = self.str()?;
        self.exprs()?;
        self.source()?;
        self.position()?;
        self.byte()?;
        let outer = self.scope;
        self.declare_type_parameters(TypeParameterOwner::Extension(id))?;
        self.dart_type()?;
        self.scope = outer;
        self.skip_member_descriptors()?;
        Ok(Extension { node, canonical_name, name })
    }

    pub(crate) fn skip_member_descriptors(&mut self) -> Result<()> {
        for _ in 0..self.count()? {
            self.name()?;
            self.byte()?;
            self.byte()?;
            self.optional_name()?;
            self.optional_name()?;
        }
        Ok(())
    }

    /// An extension type declaration up to its procedures. Its type parameters stay in scope.
    pub(crate) fn extension_type_header(&mut self, id: ExtTypeIdx) -> Result<ExtensionType<'b>> {
        let node = self.node();
        self.tag(85, "an extension type declaration")?;
        let canonical_name = self.canonical_name()?;
        let name = self.str()?;
        self.exprs()?;
        self.source()?;
        self.position()?;
        self.byte()?;
        let type_parameters = self.declare_type_parameters(TypeParameterOwner::ExtensionType(id))?;
        let representation_type = self.dart_type()?;
        self.str()?;
        self.types()?;
        let procedures = IdRange::new(0, 0);
        Ok(ExtensionType {
            node,
            canonical_name,
            name,
            type_parameters,
            scope: self.scope,
            representation_type,
            procedures,
        })
    }

    /// A class up to its fields. Its type parameters stay in scope.
    pub(crate) fn class_header(&mut self, id: ClassIdx, library: LibIdx) -> Result<Class<'b>> {
        let node = self.node();
        self.tag(2, "a class")?;
        Ok(Class {
            node,
            canonical_name: self.canonical_name()?,
            library,
            source: self.source()?,
            start_position: self.position()?,
            position: self.position()?,
            end_position: self.position()?,
            flags: ClassFlags(self.uint()?),
            name: self.str()?,
            annotations: self.exprs()?,
            type_parameters: self.declare_type_parameters(TypeParameterOwner::Class(id))?,
            scope: self.scope,
            supertype: self.option(Self::supertype)?,
            mixed_in: self.option(Self::supertype)?,
            implements: self.list(Self::supertype)?,
            fields: IdRange::new(0, 0),
            constructors: IdRange::new(0, 0),
            procedures: IdRange::new(0, 0),
        })
    }

    fn supertype(&mut self) -> Result<DartType<'b>> {
        let start = self.pos();
        match self.dart_type()? {
            ty @ DartType::Interface { .. } => Ok(ty),
            _ => Err(Error::new(start, "a class type")),
        }
    }

    /// A field up to its initialiser.
    pub(crate) fn field_header(&mut self, owner: Owner) -> Result<Field<'b>> {
        let node = self.node();
        self.tag(4, "a field")?;
        let canonical_name = self.canonical_name()?;
        let getter_name = self.canonical_name()?;
        let setter_name = self.optional_name()?;
        let source = self.source()?;
        let position = self.position()?;
        let end_position = self.position()?;
        let flags = FieldFlags(self.uint()?);
        let name = self.name()?;
        self.uint()?;
        let annotations = self.exprs()?;
        let ty = self.dart_type()?;
        self.option(Self::variable_ref)?;
        let has_initializer = self.bool()?;
        Ok(Field {
            node,
            canonical_name,
            getter_name,
            setter_name,
            enclosing: owner.enclosing,
            library: owner.library,
            source,
            position,
            end_position,
            flags,
            name,
            annotations,
            ty,
            scope: self.scope,
            initializer: has_initializer.then_some(self.rest()),
        })
    }

    /// From here to the end of what the parser may read.
    fn rest(&self) -> ByteRange {
        ByteRange { start: self.pos() as u32, end: (self.pos() + self.cursor.remaining()) as u32 }
    }

    /// What follows a field's header.
    pub(crate) fn field_rest(&mut self, has_initializer: bool) -> Result<()> {
        if has_initializer {
            self.expr()?;
        }
        self.skip_scope()
    }

    /// A constructor up to its body.
    pub(crate) fn constructor_header(
        &mut self,
        id: CtorIdx,
        class: ClassIdx,
        library: LibIdx,
    ) -> Result<Constructor<'b>> {
        let node = self.node();
        self.tag(5, "a constructor")?;
        let canonical_name = self.canonical_name()?;
        let source = self.source()?;
        let start_position = self.position()?;
        let position = self.position()?;
        let end_position = self.position()?;
        let flags = ConstructorFlags(self.byte()?.into());
        let name = self.name()?;
        let annotations = self.exprs()?;
        let function = self.function_header(Some(Member::Constructor(id)))?;
        Ok(Constructor {
            node,
            canonical_name,
            class,
            library,
            source,
            start_position,
            position,
            end_position,
            flags,
            name,
            annotations,
            function,
            rest: self.rest(),
        })
    }

    /// What follows a constructor's header.
    pub(crate) fn constructor_rest(&mut self, has_body: bool) -> Result<()> {
        self.function_rest(has_body)?;
        self.list(Self::initializer)?;
        Ok(())
    }

    /// A procedure up to its body.
    pub(crate) fn procedure_header(&mut self, id: ProcIdx, owner: Owner) -> Result<Procedure<'b>> {
        let node = self.node();
        self.tag(6, "a procedure")?;
        let canonical_name = self.canonical_name()?;
        let source = self.source()?;
        let start_position = self.position()?;
        let position = self.position()?;
        let end_position = self.position()?;
        let kind = match self.byte()? {
            0 => ProcedureKind::Method,
            1 => ProcedureKind::Getter,
            2 => ProcedureKind::Setter,
            3 => ProcedureKind::Operator,
            4 => ProcedureKind::Factory,
            byte => return Err(self.bad_tag("a kind of procedure", byte)),
        };
        let stub_kind = match self.byte()? {
            0 => ProcedureStubKind::Regular,
            1 => ProcedureStubKind::AbstractForwardingStub,
            2 => ProcedureStubKind::ConcreteForwardingStub,
            3 => ProcedureStubKind::NoSuchMethodForwarder,
            4 => ProcedureStubKind::MemberSignature,
            5 => ProcedureStubKind::AbstractMixinStub,
            6 => ProcedureStubKind::ConcreteMixinStub,
            7 => ProcedureStubKind::RepresentationField,
            byte => return Err(self.bad_tag("a kind of stub", byte)),
        };
        let flags = ProcedureFlags(self.uint()?);
        let name = self.name()?;
        let annotations = self.exprs()?;
        let stub_target = self.reference()?;
        let signature_type = self.option(Self::dart_type)?;
        let function = self.function_header(Some(Member::Procedure(id)))?;
        Ok(Procedure {
            node,
            canonical_name,
            enclosing: owner.enclosing,
            library: owner.library,
            source,
            start_position,
            position,
            end_position,
            kind,
            stub_kind,
            flags,
            name,
            annotations,
            stub_target,
            signature_type,
            function,
        })
    }

    /// The constant with index `id`. Constants it refers to must come before it.
    pub(crate) fn constant_entry(&mut self, id: ConstIdx) -> Result<Constant<'b>> {
        let child = |p: &mut Self| {
            let start = p.pos();
            match p.constant()? {
                child if child < id => Ok(child),
                _ => Err(Error::new(start, "a constant before the one that contains it")),
            }
        };
        let tag = self.byte()?;
        if let Some(tally) = &mut self.tally {
            tally.constants[tag as usize] += 1;
        }
        Ok(match tag {
            0 => Constant::Null,
            1 => Constant::Bool(self.bool()?),
            2 => Constant::Int(self.int_literal()?),
            3 => Constant::Double(self.cursor.double()?),
            4 => Constant::String(self.str()?),
            5 => Constant::Symbol { library: self.optional_name()?, name: self.str()? },
            6 => Constant::Map {
                key_type: self.dart_type()?,
                value_type: self.dart_type()?,
                entries: self.list(|p| Ok((child(p)?, child(p)?)))?,
            },
            7 => Constant::List { element_type: self.dart_type()?, elements: self.list(child)? },
            13 => Constant::Set { element_type: self.dart_type()?, elements: self.list(child)? },
            8 => Constant::Instance {
                class: self.class()?,
                type_arguments: self.types()?,
                fields: self.list(|p| Ok((p.field()?, child(p)?)))?,
            },
            9 => Constant::Instantiation { function: child(self)?, type_arguments: self.types()? },
            10 => Constant::StaticTearOff(self.reference()?),
            15 => Constant::ConstructorTearOff(self.reference()?),
            16 => Constant::RedirectingFactoryTearOff(self.reference()?),
            11 => Constant::TypeLiteral(self.dart_type()?),
            17 => Constant::Record {
                positional: self.list(child)?,
                named: self.list(|p| Ok((p.str()?, child(p)?)))?,
                ty: self.dart_type()?,
            },
            12 | 14 => {
                let name = if tag == 12 { "UnevaluatedConstant" } else { "TypedefTearOffConstant" };
                return Err(Error::new(
                    self.pos() - 1,
                    format!("a constant of an ahead-of-time file, found {name} (tag {tag})"),
                ));
            }
            _ => return Err(Error::new(self.pos() - 1, format!("a constant, found tag {tag}"))),
        })
    }
}
