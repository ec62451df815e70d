/* SPDX-License-Identifier: Apache-2.0 */
/*
 * complaint.h - the one line on the server's standard error that Holter ever writes: that nothing
 * is recorded, since the recording cannot be opened. (What goes wrong later stands in the
 * recording.) It is written only where standard error is what it was when the program began and
 * takes the line without a wait. Tier B.
 */
#pragma once

/* At the program's start: remembers what standard error is. */
void complaint_init(void);
/* error: a negative errno. path: of the recording, or of its folder; "": it did not come to that.
 */
void complaint_no_recording(const char *path, int error);
