//! Lists, maps, records and interpolated strings.

use dart_kernel::ast::{self, Expr, ExprKind, NamedExpr};
use dart_kernel::{Constant, Position, StrIdx};
use snapcrane_ir::{AllocKind, Inst, Slot, StoreBarrier, Type, Value};
use snapcrane_program::ids::ObjectKey;
use snapcrane_program::types::RecordShape;

use crate::body::BodyBuilder;
use crate::core_calls::CoreCalls;
use crate::error::Result;

/// Arrays up to this length are filled after all elements have been evaluated, so that stores need no barriers.
const MAX_LATE_FILLED: usize = 16;

/// A piece of an interpolated string.
enum Piece<'b> {
    Text(String),
    Literal(StrIdx),
    Expression(&'b Expr<'b>),
}

impl<'b> BodyBuilder<'_, 'b> {
    /// A new array with elements that are evaluated in order.
    fn array_of(&mut self, type_args: Value, elements: &[&'b Expr<'b>]) -> Result<Value> {
        let length = self.b.object(ObjectKey::Int(elements.len() as i64));
        let kind = AllocKind::Array;
        if elements.len() <= MAX_LATE_FILLED {
            let mut values = Vec::with_capacity(elements.len());
            for element in elements {
                values.push(self.object_expression(element)?);
            }
            let array = self.ins(Inst::Allocate { kind, args: [type_args, length].into_iter().collect() });
            self.fill_array(array, &values);
            return Ok(array);
        }
        let array = self.ins(Inst::Allocate { kind, args: [type_args, length].into_iter().collect() });
        for (element, index) in elements.iter().zip(0i64..) {
            let value = self.object_expression(element)?;
            self.store_element(array, index, value, StoreBarrier::Full);
        }
        Ok(array)
    }

    /// `ListLiteral`.
    pub(super) fn list_literal(
        &mut self,
        ty: &ast::DartType<'b>,
        elements: &[&'b Expr<'b>],
        position: Position,
    ) -> Result<Value> {
        self.at(position);
        let type_args = self.type_args(std::slice::from_ref(ty))?;
        let type_args = self.type_args_value(&type_args);
        let array = self.array_of(type_args, elements)?;
        self.at(position);
        self.call_core("dart:core", "_GrowableList", "_literal", &[type_args, array])
    }

    /// `MapLiteral`: keys and values alternate in an array.
    pub(super) fn map_literal(
        &mut self,
        types: &[ast::DartType<'b>; 2],
        entries: &[(&'b Expr<'b>, &'b Expr<'b>)],
        position: Position,
    ) -> Result<Value> {
        self.at(position);
        let type_args = self.type_args(types)?;
        let type_args = self.type_args_value(&type_args);
        let array = if entries.is_empty() {
            self.b.object(ObjectKey::Root("empty_array"))
        } else {
            let elements: Vec<_> = entries.iter().flat_map(|&(key, value)| [key, value]).collect();
            let null = self.b.null();
            self.array_of(null, &elements)?
        };
        self.at(position);
        self.call_core("dart:core", "Map", "_fromLiteral", &[type_args, array])
    }

    /// `RecordLiteral`.
    pub(super) fn record_literal(
        &mut self,
        positional: &[&'b Expr<'b>],
        named: &[NamedExpr<'b>],
        position: Position,
    ) -> Result<Value> {
        let mut fields = smallvec::SmallVec::new();
        for expr in positional.iter().copied().chain(named.iter().map(|field| field.value)) {
            fields.push(self.object_expression(expr)?);
        }
        let Ok(count) = u16::try_from(positional.len()) else {
            return Err(self.unsupported("record with more than 65535 fields", position));
        };
        let shape = RecordShape { positional: count, names: named.iter().map(|field| field.name).collect() };
        self.at(position);
        Ok(self.ins(Inst::Allocate { kind: AllocKind::Record(shape), args: fields }))
    }

    /// Index of a named field, given the record's type.
    pub(super) fn record_field_index(&self, ty: &ast::DartType<'b>, name: StrIdx) -> Result<u32> {
        let ast::DartType::Record(record) = ty else { return Err(self.dangling("record type")) };
        match record.named.iter().position(|field| field.name == name) {
            Some(index) => Ok((record.positional.len() + index) as u32),
            None => Err(self.dangling("record field")),
        }
    }

    /// `RecordIndexGet` and `RecordNameGet`.
    pub(super) fn record_get(
        &mut self,
        expr: &'b Expr<'b>,
        receiver: &'b Expr<'b>,
        index: u32,
    ) -> Result<Value> {
        let record = self.object_expression(receiver)?;
        self.at(expr.position);
        Ok(self.load(record, Slot::RecordField(index), Type::Tagged))
    }

    /// `StringConcatenation`.
    pub(super) fn string_concatenation(
        &mut self,
        parts: &[&'b Expr<'b>],
        position: Position,
    ) -> Result<Value> {
        let mut pieces = Vec::with_capacity(parts.len());
        self.collect_pieces(parts, &mut pieces);
        let mut values = Vec::with_capacity(pieces.len());
        for piece in &pieces {
            values.push(match piece {
                Piece::Text(text) => self.text_object(text),
                Piece::Literal(text) => self.b.object(ObjectKey::String(*text)),
                Piece::Expression(expr) => self.object_expression(expr)?,
            });
        }
        self.at(position);
        match (&pieces[..], &values[..]) {
            ([], _) => Ok(self.text_object("")),
            ([Piece::Expression(_)], &[value]) => {
                self.call_core("dart:core", "_StringBase", "_interpolateSingle", &[value])
            }
            ([_], &[value]) => Ok(value),
            _ => {
                let array = self.array(&values);
                self.call_core("dart:core", "_StringBase", "_interpolate", &[array])
            }
        }
    }

    /// Flattens nested concatenations and joins adjacent literals.
    fn collect_pieces(&self, parts: &[&'b Expr<'b>], pieces: &mut Vec<Piece<'b>>) {
        for part in parts {
            if let ExprKind::StringConcatenation(parts) = part.kind {
                self.collect_pieces(parts, pieces);
                continue;
            }
            let Some(literal) = self.string_literal(part) else {
                pieces.push(Piece::Expression(part));
                continue;
            };
            if self.component().string(literal).is_empty() {
                continue;
            }
            // Only strings that are valid UTF-8 can be joined: lone surrogates stay as they are.
            let text = |literal: StrIdx| std::str::from_utf8(self.component().string(literal)).ok();
            let before = match pieces.last() {
                Some(Piece::Text(before)) => Some(before.clone()),
                Some(Piece::Literal(before)) => text(*before).map(String::from),
                _ => None,
            };
            match (before, text(literal)) {
                (Some(before), Some(after)) => {
                    pieces.pop();
                    pieces.push(Piece::Text(before + after));
                }
                _ => pieces.push(Piece::Literal(literal)),
            }
        }
    }

    fn string_literal(&self, expr: &Expr<'b>) -> Option<StrIdx> {
        match expr.kind {
            ExprKind::String(text) => Some(text),
            _ => match *self.component().constant(expr.as_constant()?) {
                Constant::String(text) => Some(text),
                _ => None,
            },
        }
    }
}
