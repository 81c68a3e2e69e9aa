"""Which signal could a trained classifier see in my events, how strong must it be, and what would I exclude?"""
