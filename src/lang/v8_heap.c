/* SPDX-License-Identifier: Apache-2.0 */
#include "v8_heap.h"

#include <errno.h>

enum { OBJECT_TAG = 1 };

int v8_read(struct v8_heap *heap, uint64_t address, void *buffer, size_t length)
{
	if (!heap->reads_left)
		return -E2BIG;
	heap->reads_left--;
	return memory_exact(heap->memory, address, buffer, length);
}

int v8_field(struct v8_heap *heap, uint64_t object, int32_t offset, uint64_t *ret)
{
	return v8_read(heap, object - OBJECT_TAG + (uint64_t)(int64_t)offset, ret, sizeof(*ret));
}

int v8_field_u32(struct v8_heap *heap, uint64_t object, int32_t offset, uint32_t *ret)
{
	return v8_read(heap, object - OBJECT_TAG + (uint64_t)(int64_t)offset, ret, sizeof(*ret));
}

int v8_type(struct v8_heap *heap, uint64_t object)
{
	uint64_t map;
	uint16_t type;

	if (!v8_is_object(object) || v8_field(heap, object, 0, &map) || !v8_is_object(map))
		return -EINVAL;
	if (v8_read(heap, map - OBJECT_TAG + (uint64_t)(int64_t)heap->layout->map_instance_type,
		    &type, sizeof(type)))
		return -EINVAL;
	return type;
}

bool v8_is(struct v8_heap *heap, uint64_t value, int32_t type)
{
	return type >= 0 && v8_type(heap, value) == type;
}

bool v8_is_function(struct v8_heap *heap, uint64_t value)
{
	int type = v8_type(heap, value);

	return type >= heap->layout->type_function && type <= heap->layout->type_function_last;
}

int v8_field_of(struct v8_heap *heap, uint64_t object, int32_t offset, int32_t type, uint64_t *ret)
{
	uint64_t value;
	int error = v8_field(heap, object, offset, &value);

	if (error)
		return error;
	if (!v8_is(heap, value, type))
		return -EINVAL;
	*ret = value;
	return 0;
}

int v8_field_smi(struct v8_heap *heap, uint64_t object, int32_t offset, int32_t *ret)
{
	uint64_t value;
	int error = v8_field(heap, object, offset, &value);

	if (error)
		return error;
	if (!v8_is_smi(value))
		return -EINVAL;
	*ret = v8_smi(value);
	return 0;
}

int v8_byte_array(
	struct v8_heap *heap, uint64_t object, uint64_t *ret_address, uint32_t *ret_length)
{
	const struct v8_layout *layout = heap->layout;
	int type = v8_type(heap, object);
	int32_t length;

	if (type < 0 ||
		(type != layout->type_byte_array && type != layout->type_trusted_byte_array))
		return -EINVAL;
	if (v8_field_smi(heap, object, layout->array_length, &length) || length < 0)
		return -EINVAL;
	*ret_address = object - OBJECT_TAG + (uint64_t)(int64_t)layout->array_data;
	*ret_length = (uint32_t)length;
	return 0;
}

int v8_element(struct v8_heap *heap, uint64_t array, int32_t index, uint64_t *ret)
{
	const struct v8_layout *layout = heap->layout;
	int32_t length;
	int error = v8_field_smi(heap, array, layout->array_length, &length);

	if (error)
		return error;
	if (index < 0 || index >= length)
		return -ERANGE;
	return v8_read(heap,
		array - OBJECT_TAG + (uint64_t)(int64_t)layout->array_data + 8 * (uint64_t)index,
		ret, sizeof(*ret));
}
