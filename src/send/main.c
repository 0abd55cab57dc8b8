#include "send/ddsend.h"

int main(int argc, char **argv)
{
    return dd_sender_main(argc, argv);
}
