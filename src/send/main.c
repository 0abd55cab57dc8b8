#include "dd/send/sender.h"

int main(int argc, char **argv)
{
    return dd_sender_main(argc, argv);
}
