/* Where the program begins. All of it is in a library, so that tests can call
 * a command within their own process. */
#include "cli/cli_int.h"

int main(int argc, char **argv)
{
    return lt__program(argc, argv);
}
