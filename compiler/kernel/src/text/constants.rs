//! Constants, as values.

use super::*;

/// How many constants, one inside of the other or beside it, are printed for one reference.
const LIMIT: usize = 40;

impl<'a: 'b, 'b> Printer<'_, 'a, 'b> {
    /// A constant without `const`. Beyond [`LIMIT`] parts, the rest is `...`.
    pub(super) fn constant(&mut self, constant: ConstIdx) {
        self.part(constant, &mut { LIMIT });
    }

    fn part(&mut self, constant: ConstIdx, budget: &mut usize) {
        if *budget == 0 {
            self.put("...");
            return;
        }
        *budget -= 1;
        match *self.component.constant(constant) {
            Constant::Null => self.put("null"),
            Constant::Bool(value) => self.put(if value { "true" } else { "false" }),
            Constant::Int(value) => self.put(&value.to_string()),
            Constant::Double(value) => self.put(&format!("{value:?}")),
            Constant::String(text) => self.put(&string_literal(self.component.string(text))),
            Constant::Symbol { name, .. } => {
                self.put("#");
                self.string(name);
            }
            Constant::Map { key_type, value_type, entries } => {
                self.put("<");
                self.ty(key_type);
                self.put(", ");
                self.ty(value_type);
                self.put(">{");
                self.parts(entries, budget, |printer, (key, value), budget| {
                    printer.part(*key, budget);
                    printer.put(": ");
                    printer.part(*value, budget);
                });
                self.put("}");
            }
            Constant::List { element_type, elements } => {
                self.put("<");
                self.ty(element_type);
                self.put(">[");
                self.parts(elements, budget, |printer, element, budget| printer.part(*element, budget));
                self.put("]");
            }
            Constant::Set { element_type, elements } => {
                self.put("<");
                self.ty(element_type);
                self.put(">{");
                self.parts(elements, budget, |printer, element, budget| printer.part(*element, budget));
                self.put("}");
            }
            Constant::Instance { class, type_arguments, fields } => {
                self.string(self.component.classes[class].name);
                self.type_arguments(type_arguments);
                self.put("{");
                self.parts(fields, budget, |printer, (field, value), budget| {
                    printer.string(printer.component.fields[*field].name.text);
                    printer.put(": ");
                    printer.part(*value, budget);
                });
                self.put("}");
            }
            Constant::Instantiation { function, type_arguments } => {
                self.part(function, budget);
                self.type_arguments(type_arguments);
            }
            Constant::StaticTearOff(target) => self.put(&reference_name(self.component, target)),
            Constant::ConstructorTearOff(target) | Constant::RedirectingFactoryTearOff(target) => {
                self.put("new ");
                self.put(&reference_name(self.component, target));
            }
            Constant::TypeLiteral(ty) => {
                self.put("type(");
                self.ty(ty);
                self.put(")");
            }
            Constant::Record { positional, named, .. } => {
                self.put("(");
                self.parts(positional, budget, |printer, value, budget| printer.part(*value, budget));
                if !positional.is_empty() && !named.is_empty() {
                    self.put(", ");
                }
                self.parts(named, budget, |printer, (name, value), budget| {
                    printer.string(*name);
                    printer.put(": ");
                    printer.part(*value, budget);
                });
                self.put(")");
            }
        }
    }

    fn parts<T>(&mut self, parts: &[T], budget: &mut usize, mut part: impl FnMut(&mut Self, &T, &mut usize)) {
        for (index, value) in parts.iter().enumerate() {
            if index > 0 {
                self.put(", ");
            }
            if *budget == 0 {
                self.put(&format!("... {} more", parts.len() - index));
                return;
            }
            part(self, value, budget);
        }
    }
}
