//! Removal of block parameters that get the same value on all edges.

use std::collections::HashMap;

use crate::function::{BlockCall, Function, Value, ValueDef};

/// What the edges pass for a parameter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Passed {
    Nothing,
    Always(Value),
    Various,
}

/// Replaces every parameter of a reachable block that can have only one value, besides itself, by that value.
pub(crate) fn remove_trivial(func: &mut Function) {
    let order = func.reverse_postorder();
    let mut aliases: HashMap<Value, Value> = HashMap::new();
    loop {
        let mut passed: HashMap<Value, Passed> = HashMap::new();
        for &block in &order {
            func.for_each_successor(block, |edge| {
                for (&param, &arg) in func.blocks[edge.block].params.iter().zip(&edge.args) {
                    let arg = resolve(&aliases, arg);
                    let known = passed.entry(param).or_insert(Passed::Nothing);
                    *known = match *known {
                        known if arg == param => known,
                        Passed::Nothing => Passed::Always(arg),
                        Passed::Always(other) if other == arg => Passed::Always(arg),
                        _ => Passed::Various,
                    };
                }
            });
        }
        let before = aliases.len();
        for &block in &order {
            for &param in &func.blocks[block].params {
                if let Some(Passed::Always(value)) = passed.get(&param)
                    && !aliases.contains_key(&param)
                {
                    let value = resolve(&aliases, *value);
                    if value != param {
                        aliases.insert(param, value);
                    }
                }
            }
        }
        if aliases.len() == before {
            break;
        }
    }
    if aliases.is_empty() {
        return;
    }
    let is_kept: Vec<Vec<bool>> = func
        .blocks
        .values()
        .map(|data| data.params.iter().map(|param| !aliases.contains_key(param)).collect())
        .collect();
    let drop_args = |edge: &mut BlockCall| {
        let mut kept = is_kept[edge.block.as_u32() as usize].iter();
        edge.args.retain(|_| kept.next().copied().unwrap_or(true));
    };
    for data in func.blocks.values_mut() {
        if let Some(unwind) = &mut data.unwind {
            drop_args(unwind);
        }
        if let Some(terminator) = &mut data.terminator {
            terminator.for_each_edge_mut(drop_args);
        }
        data.params.retain(|param| !aliases.contains_key(param));
    }
    for (block, data) in &func.blocks {
        for (index, &param) in data.params.iter().enumerate() {
            func.values[param].def = ValueDef::Param(block, index as u32);
        }
    }
    func.map_values(|_, value| resolve(&aliases, value));
}

/// Follows a chain of replacements to its end.
pub(crate) fn resolve(aliases: &HashMap<Value, Value>, mut value: Value) -> Value {
    while let Some(&next) = aliases.get(&value) {
        value = next;
    }
    value
}
