//! Reads bodies.
use crate::ast::*;
use crate::*;
pub(crate) fn procedure<'b>(c: &Component<'_>, id: ProcIdx, _arena: &'b Bump) -> Result<FunctionNode<'b>> {
    load::not_yet(c.procedures[id].node)
}
pub(crate) fn constructor<'b>(
    c: &Component<'_>,
    id: CtorIdx,
    _arena: &'b Bump,
) -> Result<ConstructorNode<'b>> {
    load::not_yet(c.constructors[id].node)
}
pub(crate) fn field_initializer<'b>(
    c: &Component<'_>,
    id: FieldIdx,
    _a: &'b Bump,
) -> Result<Option<&'b Expr<'b>>> {
    load::not_yet(c.fields[id].node)
}
