/* Stands in for a room that has no sources yet. */
extern int lt_room_is_empty;
int lt_room_is_empty = 1;
