//! Classes, functions, fields, libraries, loading units, errors.

use super::{objects, refs::*};
use crate::codec::{Codec, Describe, RefType};
use crate::error::Result;

objects! {
    /// `UntaggedClass`. Sizes and offsets are in compressed words of the target.
    prefix Class {
        /// Mangled name.
        name: reference(STRING),
        /// Members that reflection or dynamic calls look up.
        functions: reference(ARRAY.or_null()),
        /// Hash table over `functions`, for large classes.
        functions_hash_table: reference(ARRAY.or_null()),
        /// Fields.
        fields: reference(ARRAY.or_null()),
        /// Field by word offset; null in AOT.
        offset_in_words_to_field: reference(ARRAY.or_null()),
        /// Direct superinterfaces.
        interfaces: reference(ARRAY.or_null()),
        /// Declaring script.
        script: reference(SCRIPT.or_null()),
        /// Declaring library.
        library: reference(LIBRARY.or_null()),
        /// Own type parameters.
        type_parameters: reference(TYPE_PARAMETERS.or_null()),
        /// Supertype.
        super_type: reference(TYPE.or_null()),
        /// Hash set of canonical instances.
        constants: reference(ARRAY.or_null()),
        /// The class's own type: non-nullable, with its parameters as arguments.
        declaration_type: reference(TYPE.or_null()),
        /// Dispatchers of invoked fields and missing methods.
        invocation_dispatcher_cache: reference(ARRAY.or_null()),
        /// Class id.
        id: i32,
        /// Size of an instance; 0 if it varies.
        instance_size_in_words: i32,
        /// End of the fields; −1 if instances have no plain fields.
        next_field_offset_in_words: i32,
        /// Offset of the type-argument vector, −1 if there is none.
        type_arguments_field_offset_in_words: i32,
        /// Length of an instance's type-argument vector, supertypes included.
        num_type_arguments: i16,
        /// Native fields at the start of an instance.
        num_native_fields: u16,
        /// See [`crate::bits::ClassState`].
        state_bits: u32,
        ;
        /// Bit i: word i of an instance holds unboxed bits. Not stored for top-level classes.
        unboxed_fields_bitmap: u64,
    }

    /// `UntaggedPatchClass`: the owner of members that were declared in another script than their class.
    fixed PatchClass {
        /// The class.
        wrapped_class: reference(CLASS),
        /// The declaring script.
        script: reference(SCRIPT.or_null()),
    }

    /// `UntaggedFunction`.
    fixed Function {
        /// Mangled name.
        name: reference(STRING),
        /// Owner.
        owner: reference(CLASS_OR_PATCH_CLASS),
        /// Signature; null once nothing needs it.
        signature: reference(FUNCTION_TYPE.or_null()),
        /// ClosureData, Field, Function, Array, FfiTrampolineData or null, by kind.
        data: reference(RefType::ANY),
        /// What it runs.
        code: code,
        /// See [`crate::bits::FunctionKindTag`].
        kind_tag: u32,
    }

    /// `UntaggedTypeParameters`.
    fixed TypeParameters {
        /// Names.
        names: reference(ARRAY.or_null()),
        /// Smis with one bit per parameter: covariant in a class, by the VM's convention.
        flags: reference(ARRAY.or_null()),
        /// Bounds.
        bounds: reference(TYPE_ARGUMENTS.or_null()),
        /// Default arguments.
        defaults: reference(TYPE_ARGUMENTS.or_null()),
    }

    /// `UntaggedClosureData`.
    fixed ClosureData {
        /// Enclosing function.
        parent_function: reference(FUNCTION.or_null()),
        /// The closure object of an implicit static closure.
        closure: reference(CLOSURE.or_null()),
        /// See [`crate::bits::ClosureDataFields`].
        packed_fields: unsigned,
    }

    /// `UntaggedFfiTrampolineData`.
    fixed FfiTrampolineData {
        /// Dart signature.
        signature_type: reference(TYPE_OR_FUNCTION_TYPE.or_null()),
        /// C signature.
        c_signature: reference(FUNCTION_TYPE.or_null()),
        /// Function that a callback runs.
        callback_target: reference(FUNCTION.or_null()),
        /// What a callback returns after an exception.
        callback_exceptional_return: reference(RefType::ANY),
        /// Callback number.
        callback_id: i32,
        /// `FfiFunctionKind`.
        ffi_function_kind: byte,
    }

    /// `UntaggedField`.
    fixed Field {
        /// Mangled name.
        name: reference(STRING),
        /// Owner.
        owner: reference(CLASS_OR_PATCH_CLASS),
        /// Declared type.
        field_type: reference(ABSTRACT_TYPE),
        /// Function that computes the initial value.
        initializer_function: reference(FUNCTION.or_null()),
        /// See [`crate::bits::FieldKindBits`].
        kind_bits: u32,
        /// Static fields: index into the (shared) field table. Instance fields: offset in compressed words.
        host_offset_or_field_id: smi,
    }

    /// `UntaggedScript`.
    fixed Script {
        /// URL.
        url: reference(STRING.or_null()),
        /// Index in the kernel file.
        kernel_script_index: i32,
    }

    /// `UntaggedLibrary`.
    fixed Library {
        /// Declared name.
        name: reference(STRING.or_null()),
        /// Import URL.
        url: reference(STRING.or_null()),
        /// Suffix of its private names, `@` included.
        private_key: reference(STRING.or_null()),
        /// Members by name; see [`crate::hash_tables::library_dictionary`].
        dictionary: reference(ARRAY.or_null()),
        /// Annotations; null in AOT.
        metadata: reference(ARRAY.or_null()),
        /// Class that holds the top-level members.
        toplevel_class: reference(CLASS.or_null()),
        /// Scripts; null in AOT.
        used_scripts: reference(GROWABLE_OBJECT_ARRAY.or_null()),
        /// Unit that loads it.
        loading_unit: reference(LOADING_UNIT.or_null()),
        /// Imported namespaces.
        imports: reference(ARRAY.or_null()),
        /// Exported namespaces.
        exports: reference(ARRAY.or_null()),
        /// Position in the object store's list.
        index: i32,
        /// Used prefix of `imports`.
        num_imports: u16,
        /// Load state; 3 is loaded.
        load_state: byte,
        /// Bit 0: `dart:` scheme. Bit 1: debuggable.
        flags: byte,
    }

    /// `UntaggedNamespace`.
    fixed Namespace {
        /// The library.
        target: reference(LIBRARY.or_null()),
    }

    /// `UntaggedLibraryPrefix`.
    fixed LibraryPrefix {
        /// Name.
        name: reference(STRING.or_null()),
        /// Namespaces.
        imports: reference(ARRAY.or_null()),
        /// Used prefix of `imports`.
        num_imports: u16,
        /// Whether the import is deferred.
        is_deferred_load: boolean,
    }

    /// `UntaggedLoadingUnit`.
    fixed LoadingUnit {
        /// The unit that must be loaded first.
        parent: reference(LOADING_UNIT.or_null()),
        /// Number; 1 is the root unit.
        id: word,
    }

    /// `UntaggedUnlinkedCall`.
    fixed UnlinkedCall {
        /// Selector.
        target_name: reference(STRING),
        /// Arguments descriptor.
        args_descriptor: reference(ARRAY),
        /// Whether the first call may bind the site.
        can_patch_to_monomorphic: boolean,
    }

    /// `UntaggedICData`.
    fixed ICData {
        /// Selector.
        target_name: reference(STRING.or_null()),
        /// Arguments descriptor.
        args_descriptor: reference(ARRAY.or_null()),
        /// Checks.
        entries: reference(ARRAY.or_null()),
        /// Packed state.
        state_bits: u32,
    }

    /// `UntaggedMegamorphicCache`.
    fixed MegamorphicCache {
        /// Selector.
        target_name: reference(STRING),
        /// Arguments descriptor.
        args_descriptor: reference(ARRAY),
        /// Class ids and targets.
        buckets: reference(ARRAY.or_null()),
        /// Capacity − 1.
        mask: smi,
        /// Number of occupied buckets.
        filled_entry_count: i32,
    }

    /// `UntaggedSubtypeTestCache`.
    fixed SubtypeTestCache {
        /// Entries; initially the empty cache.
        cache: reference(ARRAY.or_null()),
        /// Inputs per test, 1 to 7.
        num_inputs: u32,
        /// Occupied entries.
        num_occupied: u32,
    }

    /// `UntaggedApiError`.
    fixed ApiError {
        /// Message.
        message: reference(STRING.or_null()),
    }

    /// `UntaggedLanguageError`.
    fixed LanguageError {
        /// Cause.
        previous_error: reference(ERROR.or_null()),
        /// Where.
        script: reference(SCRIPT.or_null()),
        /// Message.
        message: reference(STRING.or_null()),
        /// Message with position.
        formatted_message: reference(STRING.or_null()),
        /// Position.
        token_pos: i32,
        /// Report the position after the token.
        report_after_token: boolean,
        /// `Report::Kind`.
        kind: byte,
    }

    /// `UntaggedUnhandledException`.
    fixed UnhandledException {
        /// What was thrown.
        exception: reference(RefType::ANY),
        /// Where.
        stacktrace: reference(RefType::ANY),
    }

    /// `UntaggedUnwindError`.
    fixed UnwindError {
        /// Message.
        message: reference(STRING.or_null()),
        /// Whether the program asked for it.
        is_user_initiated: boolean,
    }
}

impl Describe for Class {
    fn fill<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        self.fixed_fields(codec)?;
        if (self.id as u32) < codec.spec().top_level_cid_offset {
            codec.unsigned64("unboxed_fields_bitmap", &mut self.unboxed_fields_bitmap)?;
        }
        Ok(())
    }
}
