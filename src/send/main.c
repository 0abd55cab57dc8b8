#include "send/ddsend.h"

int main(int argc, char **argv)
{
    return dd_ddsend_main(argc, argv);
}
