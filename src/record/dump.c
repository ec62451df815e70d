/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dump.c - prints the blocks of one file as they are, by protobuf-c's description of the messages,
 * so that nothing that the format has can be forgotten here. Resolves nothing. Tier C.
 */
#include "recording.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "salvage.h"
#include "unpack.h"

/* Bytes in quotes; what a terminal might take for a command is escaped (hazard 51). */
static void print_bytes(FILE *out, const uint8_t *bytes, size_t length)
{
	fputc('"', out);
	for (size_t i = 0; i < length; i++) {
		if (bytes[i] == '"' || bytes[i] == '\\')
			fprintf(out, "\\%c", bytes[i]);
		else if (bytes[i] >= 0x20 && bytes[i] < 0x7F)
			fputc(bytes[i], out);
		else
			fprintf(out, "\\x%02x", bytes[i]);
	}
	fputc('"', out);
}

static void print_hexadecimal(FILE *out, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		fprintf(out, "%02x", bytes[i]);
}

/* The one field of bytes that is no text. */
static bool is_build_id(const ProtobufCFieldDescriptor *field)
{
	return strcmp(field->name, "build_id") == 0;
}

static void print_enum(FILE *out, const ProtobufCEnumDescriptor *known, int value)
{
	const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value(known, value);

	if (found)
		fputs(found->name, out);
	else
		fprintf(out, "%d", value);
}

static size_t value_size(const ProtobufCFieldDescriptor *field)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_ENUM:
	case PROTOBUF_C_TYPE_BOOL:
		return 4;
	default:
		return 8;
	}
}

/* Prints a scalar. The types are those that holter.proto uses; a test dumps one of each. */
static void print_value(FILE *out, const ProtobufCFieldDescriptor *field, const void *value)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_UINT32:
		fprintf(out, "%" PRIu32, *(const uint32_t *)value);
		break;
	case PROTOBUF_C_TYPE_SINT32:
		fprintf(out, "%" PRId32, *(const int32_t *)value);
		break;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		fprintf(out, "%" PRIu64, *(const uint64_t *)value);
		break;
	case PROTOBUF_C_TYPE_SINT64:
		fprintf(out, "%" PRId64, *(const int64_t *)value);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		fputs(*(const protobuf_c_boolean *)value ? "true" : "false", out);
		break;
	case PROTOBUF_C_TYPE_ENUM:
		print_enum(out, field->descriptor, *(const int *)value);
		break;
	case PROTOBUF_C_TYPE_STRING: {
		const char *text = *(char *const *)value;

		print_bytes(out, (const uint8_t *)text, strlen(text));
		break;
	}
	case PROTOBUF_C_TYPE_BYTES: {
		const ProtobufCBinaryData *data = value;

		if (is_build_id(field))
			print_hexadecimal(out, data->data, data->len);
		else
			print_bytes(out, data->data, data->len);
		break;
	}
	default:
		fputs("(a type that holter dump does not know)", out);
		break;
	}
}

static void print_message(FILE *out, const char *name, const ProtobufCMessage *message)
{
	const ProtobufCMessageDescriptor *descriptor = message->descriptor;

	fprintf(out, "  %s", name);
	for (unsigned i = 0; i < descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
		const uint8_t *value = (const uint8_t *)message + field->offset;

		fprintf(out, " %s=", field->name);
		if (field->label == PROTOBUF_C_LABEL_REPEATED) {
			size_t count = *(const size_t *)((const uint8_t *)message +
							 field->quantifier_offset);
			const uint8_t *values = *(uint8_t *const *)value;

			for (size_t j = 0; j < count; j++) {
				fputc(j == 0 ? '[' : ' ', out);
				print_value(out, field, values + j * value_size(field));
			}
			fputs(count == 0 ? "[]" : "]", out);
		} else {
			print_value(out, field, value);
		}
	}
	if (message->n_unknown_fields > 0)
		fprintf(out, " (%u unknown fields)", message->n_unknown_fields);
	fputc('\n', out);
}

/* The messages of a block, in the order of their field numbers. */
static void print_block(FILE *out, const Holter__Record__Block *block)
{
	const ProtobufCMessageDescriptor *descriptor = block->base.descriptor;

	fprintf(out, " recording_id=%016" PRIx64 " chunk=%" PRIu32 " time_ns=%" PRIu64 "\n",
		block->recording_id, block->chunk, block->time_ns);
	for (unsigned i = 0; i < descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
		const uint8_t *value = (const uint8_t *)block + field->offset;

		if (field->type != PROTOBUF_C_TYPE_MESSAGE)
			continue;
		if (field->label == PROTOBUF_C_LABEL_REPEATED) {
			size_t count = *(
				const size_t *)((const uint8_t *)block + field->quantifier_offset);

			for (size_t j = 0; j < count; j++)
				print_message(
					out, field->name, (*(ProtobufCMessage * *const *)value)[j]);
		} else if (*(ProtobufCMessage *const *)value) {
			print_message(out, field->name, *(ProtobufCMessage *const *)value);
		}
	}
}

static void print_damage(FILE *out, uint64_t bytes, uint64_t offset, bool truncated)
{
	if (bytes > 0)
		fprintf(out, "-- %" PRIu64 " bytes at offset %" PRIu64 " are no intact block%s\n",
			bytes, offset, truncated ? ": the file ends inside one" : "");
}

static int dump_blocks(FILE *out, struct salvage *salvage, struct unpacker *unpacker)
{
	uint64_t next_sequence = 0, newer = 0, readable = 0, end = 0, skipped = 0;
	struct salvaged_block block;
	int found;

	while ((found = salvage_next(salvage, &block)) > 0) {
		const Holter__Record__Block *message;

		print_damage(out, block.skipped, block.offset - block.skipped, false);
		if (next_sequence != 0 && block.sequence != next_sequence)
			fprintf(out, "-- sequence: %" PRIu64 " expected\n", next_sequence);
		next_sequence = block.sequence + 1;
		end = block.offset + RECORD_HEADER_BYTES + block.length;
		skipped = salvage->bytes_skipped;

		fprintf(out, "block sequence=%" PRIu64 " offset=%" PRIu64 " bytes=%zu",
			block.sequence, block.offset, block.length);
		if (block.version != RECORD_FORMAT_VERSION) {
			fprintf(out, " (format version %u: not known here)\n", block.version);
			newer++;
			continue;
		}
		message = unpack_block(unpacker, block.message, block.length);
		if (message)
			print_block(out, message);
		else
			fputs(" (not a message)\n", out);
		readable++;
	}
	print_damage(out, salvage->bytes_skipped - skipped, end, salvage->truncated);
	if (found < 0 || readable > 0)
		return found;
	if (newer > 0)
		return RECORDING_NEWER;
	return salvage->seen_magic ? RECORDING_NO_BLOCK : RECORDING_NOT_ONE;
}

int recording_dump(FILE *out, const char *path)
{
	struct unpacker *unpacker = unpacker_new();
	struct salvage salvage;
	int error = salvage_open(&salvage, path);

	if (error == 0 && !unpacker)
		error = -ENOMEM;
	if (error == 0)
		error = dump_blocks(out, &salvage, unpacker);
	if (error == 0 && ferror(out))
		error = -EIO;
	salvage_close(&salvage);
	unpacker_free(unpacker);
	return error;
}
